-- What the legs of a trunk, or of a site, may speak, best first (null: what is usual), and whether it may be transcoded.
alter table trunk add column codecs text[], add column transcode boolean not null default true;
alter table subscriber add column codecs text[], add column transcode boolean not null default true;
