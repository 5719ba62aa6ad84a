-- What rings for a user of a site, and where its calls go instead. A subscriber may change its own.
create table site_user (
  subscriber_id uuid not null references subscriber on delete cascade,
  name text not null,
  ring jsonb,
  forward jsonb,
  primary key (subscriber_id, name)
);
alter table site_user enable row level security;
alter table site_user force row level security;
create policy tenant on site_user to tieline_api using (subscriber_id = app_subscriber())
  with check (subscriber_id = app_subscriber());
do $$ begin execute format('create policy platform on site_user to %I using (true) with check (true)', current_user); end $$;
grant select, insert, update, delete on site_user to tieline_api;

-- Whether users' calls may be sent on to numbers outside, at the subscriber's cost: the operator's word.
alter table subscriber add column forward_outside text not null default 'allowed'
  check (forward_outside in ('allowed', 'denied'));
