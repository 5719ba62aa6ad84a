-- What calls out had cost when money was limited, as the switch is told it.
alter table subscriber add column spent jsonb;

-- How far the journal of each node has been taken in as usage, which may be further than its events have.
create table usage_taken (
  node text primary key,
  position bigint not null
);
insert into usage_taken (node, position) select node, position from shipped;
