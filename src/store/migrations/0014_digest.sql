-- Which digest telephones are asked for, and with what a carrier shows who it is when it calls.
alter table subscriber add column telephone_digest text not null default 'MD5' check (telephone_digest in ('MD5', 'SHA-256'));
alter table trunk add column accept jsonb; -- its password is sealed
