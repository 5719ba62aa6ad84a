-- Answering machines and tones: whoever may hear prompts may have as many calls listened to, as far as the node has room for it.
insert into capacity (node, kind, capacity)
  select node, 'voice.detection', least(capacity, 200) from capacity where kind = 'voice.prompt'
  on conflict do nothing;
insert into allocation (subscriber_id, kind, guaranteed, ceiling)
  select subscriber_id, 'voice.detection', 0, ceiling from allocation where kind = 'voice.prompt'
  on conflict do nothing;
