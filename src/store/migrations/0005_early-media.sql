-- Whether sound from the trunk is heard before the answer.
alter table trunk
  add column early_media text not null default 'pass' check (early_media in ('pass', 'ignore'));
