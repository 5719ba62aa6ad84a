-- Everything that belongs to a subscriber: `subscriber_id` leads the key of each of its tables, and row-level security
-- lets the role `tieline_api` see only the rows of the subscriber that `app.subscriber` names for the transaction.

do $$ begin
  if not exists (select from pg_roles where rolname = 'tieline_api') then
    create role tieline_api nologin nosuperuser nobypassrls;
  end if;
exception when duplicate_object or unique_violation then null; -- another database of the cluster made it just now
end $$;
do $$ begin execute format('grant tieline_api to %I', current_user); end $$;

create function app_subscriber() returns uuid language sql stable as
  $$ select nullif(current_setting('app.subscriber', true), '')::uuid $$;

create table subscriber (
  id uuid primary key,
  name text not null unique,
  slot integer not null unique check (slot >= 0),
  state text not null check (state in ('installing', 'active', 'suspended', 'removing')),
  time_zone text not null,
  default_route jsonb not null,
  pbx jsonb,
  emergency_caller_id text,
  agent_version uuid,
  decision_deadline_ms integer not null,
  memory_mebibytes integer not null,
  cpu_share double precision not null,
  max_processes integer not null,
  listen integer[] not null,
  created_at timestamptz not null
);

create table number (
  subscriber_id uuid not null references subscriber on delete cascade,
  number text not null unique,
  primary key (subscriber_id, number)
);

create table allocation (
  subscriber_id uuid not null references subscriber on delete cascade,
  kind text not null,
  guaranteed bigint not null check (guaranteed >= 0),
  ceiling bigint not null check (ceiling >= guaranteed),
  primary key (subscriber_id, kind)
);

create table plan_binding (
  subscriber_id uuid not null references subscriber on delete cascade,
  since timestamptz not null,
  plan text not null,
  primary key (subscriber_id, since)
);

create table channel (
  subscriber_id uuid primary key references subscriber on delete cascade,
  address text not null,
  peer_address text not null,
  listen_port integer not null unique,
  private_key text not null,
  public_key text not null,
  peer_public_key text not null,
  preshared_key text not null,
  site_holds_key boolean not null,
  site_networks text[] not null,
  mtu integer not null,
  keepalive_seconds integer not null,
  dns jsonb
);

create table agent_version (
  subscriber_id uuid not null references subscriber on delete cascade,
  id uuid not null,
  digest text not null,
  path text not null,
  entry text not null,
  bytes bigint not null,
  listen integer[] not null,
  created_at timestamptz not null,
  primary key (subscriber_id, id)
);
alter table subscriber add foreign key (id, agent_version) references agent_version (subscriber_id, id)
  on delete no action deferrable initially deferred;

create table certificate (
  subscriber_id uuid not null references subscriber on delete cascade,
  id uuid not null,
  serial text not null unique,
  certificate text not null,
  private_key text not null,
  not_before timestamptz not null,
  not_after timestamptz not null,
  revoked_at timestamptz,
  primary key (subscriber_id, id)
);

create table api_key (
  subscriber_id uuid not null references subscriber on delete cascade,
  id uuid not null,
  hash text not null unique,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  primary key (subscriber_id, id)
);

create table telephone (
  subscriber_id uuid not null references subscriber on delete cascade,
  name text not null,
  password text not null,
  primary key (subscriber_id, name)
);

-- A secret that is to replace another at a stated time, until which the old one counts.
create table rotation (
  subscriber_id uuid not null references subscriber on delete cascade,
  secret text not null check (secret in ('preshared-key')),
  next text not null,
  activates_at timestamptz not null,
  primary key (subscriber_id, secret)
);

-- `position` orders the operator's stream; `number` is the subscriber's own.
create table event (
  subscriber_id uuid not null references subscriber on delete cascade,
  id uuid not null,
  number bigint not null,
  position bigint generated always as identity,
  at timestamptz not null,
  type text not null,
  call uuid,
  leg uuid,
  cause jsonb,
  data jsonb not null,
  primary key (subscriber_id, id)
);
create unique index event_position on event (position);
create index event_number on event (subscriber_id, number);
create index event_call on event (call, position);

do $$ declare name text; begin
  foreach name in array array['number', 'allocation', 'plan_binding', 'channel', 'agent_version', 'certificate', 'api_key',
                              'telephone', 'rotation', 'event'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy tenant on %I to tieline_api using (subscriber_id = app_subscriber()) '
                   'with check (subscriber_id = app_subscriber())', name);
    execute format('create policy platform on %I to %I using (true) with check (true)', name, current_user);
    execute format('grant select, insert, update, delete on %I to tieline_api', name);
  end loop;
end $$;
alter table subscriber enable row level security;
alter table subscriber force row level security;
create policy tenant on subscriber to tieline_api using (id = app_subscriber()) with check (id = app_subscriber());
do $$ begin execute format('create policy platform on subscriber to %I using (true) with check (true)', current_user); end $$;
grant select, update (default_route, pbx, decision_deadline_ms, agent_version) on subscriber to tieline_api;
-- What a subscriber may not do to itself, not even through a fault of the API.
revoke insert, update, delete on number, allocation, plan_binding, channel, certificate, event from tieline_api;

-- The platform's own tables: the API's role has no right to them.

create table trunk (
  id uuid primary key,
  name text not null unique,
  max_in integer,
  max_out integer,
  emergency_reserve integer not null,
  media text not null check (media in ('relay', 'direct'))
);

create table gateway (
  trunk_id uuid not null references trunk on delete cascade,
  position integer not null,
  address text not null,
  port integer not null,
  primary key (trunk_id, position),
  unique (address, port) -- a source address leads to one trunk
);

create table capacity (
  node text not null,
  kind text not null,
  capacity bigint not null check (capacity >= 0),
  primary key (node, kind)
);

create table emergency_number (
  number text primary key
);

create table authority (
  name text primary key check (name in ('ca', 'switch')),
  certificate text not null,
  private_key text not null,
  not_after timestamptz not null
);

create table operator_key (
  id uuid primary key,
  hash text not null unique,
  label text not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz
);

create table publication (
  only_row boolean primary key default true check (only_row),
  number bigint not null
);
insert into publication (number) values (0);

-- How far each node's journal has been taken in.
create table shipped (
  node text primary key,
  position bigint not null
);

-- Answers to POSTs that carried an Idempotency-Key. The answer may hold secrets and is sealed.
create table idempotency (
  scope text not null,
  key text not null,
  fingerprint text not null,
  boot text not null,
  status integer,
  answer text,
  created_at timestamptz not null,
  primary key (scope, key)
);
create index idempotency_age on idempotency (created_at);
