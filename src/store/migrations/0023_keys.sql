-- Listeners for these keys: as many as a subscriber may have joined legs, as far as the node has room for it.
insert into capacity (node, kind, capacity)
  select node, 'voice.keys', least(capacity, 500) from capacity where kind = 'voice.relay'
  on conflict do nothing;
insert into allocation (subscriber_id, kind, guaranteed, ceiling)
  select subscriber_id, 'voice.keys', 0, ceiling from allocation where kind = 'voice.relay'
  on conflict do nothing;
