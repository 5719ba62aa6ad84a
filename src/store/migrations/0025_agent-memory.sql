-- Usage of what agents hold, which is no call's.
alter table usage alter column call drop not null;
alter table usage add column agent uuid;
alter table usage add constraint usage_holder check (num_nonnulls(call, agent) = 1);

-- What an agent may hold is what three of its sandboxes do: the one that serves, one that finishes its calls, one that is tried.
insert into allocation (subscriber_id, kind, guaranteed, ceiling) select id, 'agent.memory', 0, memory_mebibytes * 3 from subscriber
  on conflict (subscriber_id, kind) do update set ceiling = greatest(allocation.ceiling, excluded.ceiling);
