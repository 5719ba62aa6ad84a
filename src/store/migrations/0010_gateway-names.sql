-- A gateway may be a name: then DNS says its ports and its transport, unless the trunk does (RFC 3263).
alter table gateway
  drop constraint gateway_address_port_key,
  alter column port drop not null,
  alter column transport drop default,
  alter column transport drop not null;

update gateway set transport = null where transport = 'udp';

-- A source address leads to one trunk, and so does a name.
create unique index gateway_address_port_key on gateway (address, coalesce(port, 0));

-- Whether a carrier may send a call on to another of its hosts by 3xx.
alter table trunk
  add column redirects text not null default 'refuse' check (redirects in ('refuse', 'follow'));
