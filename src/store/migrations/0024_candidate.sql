-- A version that is tried beside the active one until it has proven itself; and why one has not, when it was tried last.
alter table subscriber add column agent_candidate uuid;
alter table subscriber add foreign key (id, agent_candidate) references agent_version (subscriber_id, id)
  on delete no action deferrable initially deferred;
alter table agent_version add column failure jsonb;
grant update (agent_candidate) on subscriber to tieline_api;
