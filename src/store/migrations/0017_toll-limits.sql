-- A class may be limited, for each subscriber by itself.
alter table toll_class drop constraint toll_class_policy_check;
alter table toll_class add constraint toll_class_policy_check check (policy in ('allowed', 'limited', 'denied'));
alter table toll_class add column limits jsonb;
