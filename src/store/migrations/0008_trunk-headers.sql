-- What a carrier is told of who sent a call on, and whether a caller's signature goes on to it.
alter table trunk
  add column diversion text not null default 'diversion' check (diversion in ('diversion', 'history-info', 'none')),
  add column identity text not null default 'pass' check (identity in ('pass', 'drop'));
