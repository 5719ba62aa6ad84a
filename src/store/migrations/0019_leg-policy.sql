-- Whether legs may be asked for another codec in the middle of a call, how keys reach those without telephone-events, and what a site's telephones
-- may speak (null: what its PBX may).
alter table trunk add column renegotiate boolean not null default true, add column digits text not null default 'tones';
alter table subscriber add column renegotiate boolean not null default true, add column digits text not null default 'tones';
alter table subscriber add column telephone_codecs text[];
