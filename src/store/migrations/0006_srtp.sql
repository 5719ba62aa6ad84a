-- Whether sound is protected by SRTP: on the legs of a trunk, and on those over a subscriber's channel.
alter table trunk add column srtp text not null default 'off' check (srtp in ('off', 'offered', 'required'));
alter table subscriber add column srtp text not null default 'off' check (srtp in ('off', 'offered', 'required'));
