-- The ends of a tunnel by IPv6, of a site whose networks have any: given when the first of them is named.
alter table channel add column address6 text;
alter table channel add column peer_address6 text;
alter table channel add check ((address6 is null) = (peer_address6 is null));
