-- Whether the tones of a leg without telephone-events are taken for the keys that they are, so that the other leg is told of them in its own way.
alter table trunk add column tones text not null default 'keys';
alter table subscriber add column tones text not null default 'keys';
