-- How a gateway is reached, and how a trunk and we prove ourselves to each other by TLS.
alter table gateway
  add column transport text not null default 'udp' check (transport in ('udp', 'udp+tcp', 'tcp', 'tls'));

alter table trunk
  add column tls jsonb; -- its key is sealed
