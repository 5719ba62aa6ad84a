-- From where else than its gateways a trunk's carrier calls, CIDR; null for nowhere.
alter table trunk add column sources text[];
