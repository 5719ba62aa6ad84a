-- Which trunk carries a call that names none, and which numbers it may carry; null for all.
alter table trunk
  add column priority integer not null default 0 check (priority between 0 and 65535),
  add column destinations text[];
