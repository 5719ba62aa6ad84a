-- Legs without a codec in common: whoever may relay may transcode as much, as far as the node has room for it.
insert into capacity (node, kind, capacity)
  select node, 'voice.transcode', least(capacity, 100) from capacity where kind = 'voice.relay'
  on conflict do nothing;
insert into allocation (subscriber_id, kind, guaranteed, ceiling)
  select subscriber_id, 'voice.transcode', 0, ceiling from allocation where kind = 'voice.relay'
  on conflict do nothing;
