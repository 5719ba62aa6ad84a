-- Usage, plans, bills and the ledger. They outlive the subscriber that they are of: no reference to its row.

-- Who pays. Kept by triggers, so that it is there whoever writes subscribers, and stays when they are removed.
create table account (
  subscriber_id uuid primary key,
  name text not null,
  time_zone text not null,
  since timestamptz not null,
  until timestamptz
);

create table account_plan (
  subscriber_id uuid not null references account,
  since timestamptz not null,
  plan text not null,
  primary key (subscriber_id, since)
);

create function keep_account() returns trigger language plpgsql security definer set search_path from current as $$
begin
  if tg_op = 'DELETE' then
    update account set until = now() where subscriber_id = old.id and until is null;
    return old;
  end if;
  insert into account (subscriber_id, name, time_zone, since) values (new.id, new.name, new.time_zone, new.created_at)
    on conflict (subscriber_id) do update set name = excluded.name, time_zone = excluded.time_zone;
  return new;
end $$;
create trigger account after insert or delete or update of name, time_zone on subscriber
  for each row execute function keep_account();

create function keep_account_plan() returns trigger language plpgsql security definer set search_path from current as $$
begin
  insert into account_plan (subscriber_id, since, plan) values (new.subscriber_id, new.since, new.plan)
    on conflict (subscriber_id, since) do update set plan = excluded.plan;
  return new;
end $$;
create trigger account_plan after insert or update on plan_binding for each row execute function keep_account_plan();

insert into account (subscriber_id, name, time_zone, since) select id, name, time_zone, created_at from subscriber;
insert into account_plan (subscriber_id, since, plan) select subscriber_id, since, plan from plan_binding;

create table plan (
  name text primary key,
  definition jsonb not null,
  created_at timestamptz not null
);

create table usage (
  subscriber_id uuid not null,
  lease uuid not null,
  kind text not null,
  count integer not null check (count > 0),
  call uuid not null,
  leg uuid,
  taken_at timestamptz not null,
  answered_at timestamptz,
  released_at timestamptz not null,
  billable_ms bigint not null check (billable_ms >= 0),
  reason text not null,
  detail jsonb not null,
  review boolean not null,
  -- The closed invoice that it has been settled by, at whatever price.
  invoice uuid,
  primary key (subscriber_id, lease)
);
create index usage_open on usage (subscriber_id, released_at) where invoice is null;
create index usage_call on usage (subscriber_id, call);

create table invoice (
  subscriber_id uuid not null references account,
  id uuid not null,
  period text not null,
  state text not null check (state in ('draft', 'closed')),
  -- The bytes as they were issued. A draft's PDF is made when it is asked for.
  document text not null,
  pdf bytea,
  meters jsonb not null,
  primary key (subscriber_id, id),
  unique (subscriber_id, period)
);

-- The ledger: `micros` millionths of `currency` go from `credit` to `debit`.
create table entry (
  subscriber_id uuid not null,
  id bigint generated always as identity,
  invoice uuid not null,
  line integer,
  lease uuid,
  debit text not null,
  credit text not null,
  micros bigint not null check (micros > 0),
  currency text not null,
  primary key (subscriber_id, id),
  unique (subscriber_id, lease),
  foreign key (subscriber_id, invoice) references invoice (subscriber_id, id),
  foreign key (subscriber_id, lease) references usage (subscriber_id, lease)
);
create index entry_invoice on entry (subscriber_id, invoice, line);

-- What has been closed stays as it is, whoever asks.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'what % holds is never changed', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger entry_stays before update or delete on entry for each row execute function refuse_change();
create trigger plan_stays before update or delete on plan for each row execute function refuse_change();
create trigger invoice_stays before update or delete on invoice for each row when (old.state = 'closed') execute function refuse_change();
create trigger usage_stays before update or delete on usage for each row when (old.invoice is not null) execute function refuse_change();

do $$ declare name text; begin
  foreach name in array array['account', 'account_plan', 'usage', 'invoice', 'entry'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy tenant on %I for select to tieline_api using (subscriber_id = app_subscriber())', name);
    execute format('create policy platform on %I to %I using (true) with check (true)', name, current_user);
    execute format('grant select on %I to tieline_api', name);
  end loop;
end $$;
grant select on plan to tieline_api;
