-- With what the switch proves itself to the telephones of a site by TLS: a CA of the subscriber's own, and a certificate of
-- it for the channel's address. Keys are sealed. Rows that are missing, or near their end, are made when control starts.
create table site_tls (
  subscriber_id uuid primary key references subscriber on delete cascade,
  ca text not null,
  ca_key text not null,
  certificate text not null,
  private_key text not null,
  not_after timestamptz not null
);
alter table site_tls enable row level security;
alter table site_tls force row level security;
create policy tenant on site_tls to tieline_api using (subscriber_id = app_subscriber()) with check (false);
do $$ begin execute format('create policy platform on site_tls to %I using (true) with check (true)', current_user); end $$;
grant select on site_tls to tieline_api;

-- Whether telephones of the site may do without TLS.
alter table subscriber add column telephone_tls text not null default 'allowed' check (telephone_tls in ('allowed', 'required'));
