-- What a carrier asks for beyond its address: a password, a registration, an order of its gateways, its own number forms.
alter table trunk
  add column auth_user text,
  add column auth_password text, -- sealed
  add column register_seconds integer check (register_seconds between 30 and 86400),
  add column options_seconds integer check (options_seconds between 1 and 3600),
  add column calls_per_second integer check (calls_per_second > 0),
  add column numbers jsonb,
  add check ((auth_user is null) = (auth_password is null)),
  add check (register_seconds is null or auth_user is not null);

alter table gateway
  add column priority integer check (priority between 0 and 65535),
  add column weight integer check (weight between 0 and 65535);
