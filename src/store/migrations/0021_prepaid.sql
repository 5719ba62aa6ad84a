-- What is paid in advance. Top-ups and charges are only ever added; the balance is what they come to, and how far the journal of the
-- subscriber's node is in it.

create table balance (
  subscriber_id uuid primary key references account,
  currency text not null,
  micros bigint not null,
  position bigint not null
);

create table top_up (
  subscriber_id uuid not null references account,
  id uuid not null,
  -- The Idempotency-Key that it came with: kept for good, so that money comes in once.
  key text not null,
  micros bigint not null check (micros > 0),
  currency text not null,
  reference text,
  at timestamptz not null,
  primary key (subscriber_id, id),
  unique (subscriber_id, key)
);

create table charge (
  subscriber_id uuid not null,
  lease uuid not null,
  micros bigint not null check (micros > 0),
  currency text not null,
  primary key (subscriber_id, lease),
  foreign key (subscriber_id, lease) references usage (subscriber_id, lease)
);

alter table subscriber add column low_balance text;

create trigger top_up_stays before update or delete on top_up for each row execute function refuse_change();
create trigger charge_stays before update or delete on charge for each row execute function refuse_change();

do $$ declare name text; begin
  foreach name in array array['balance', 'top_up', 'charge'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy tenant on %I for select to tieline_api using (subscriber_id = app_subscriber())', name);
    execute format('create policy platform on %I to %I using (true) with check (true)', name, current_user);
    execute format('grant select on %I to tieline_api', name);
  end loop;
end $$;
