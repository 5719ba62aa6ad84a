/** What may pass inside one namespace. */
export interface FirewallPlan {
  interface: string
  /** CIDR: from whom packets come in by the tunnel, and to whom they go out. */
  siteNetworks: string[]
  /** Of UDP and TCP; TLS is one above. */
  sipPort: number
  mediaPorts: { first: number; last: number }
  /** TCP ports on which the site may call its agent. */
  agentPorts: number[]
}

/**
 * The nftables ruleset of a namespace, for `nft -f`. Isolation between subscribers does not rest on it: there is no path.
 * It guards the platform's sockets from the agent that lives beside them (all of the platform's are opened by uid 0, none
 * of an agent's is; an accepted connection counts as whoever accepted it, so that of TCP only what begins inside is looked at), and the agent from all but its site. RTP and SIP are not tracked, which would cost each packet.
 */
export function firewallRules(plan: FirewallPlan): string {
  const media = `${plan.mediaPorts.first}-${plan.mediaPorts.last}`
  const platform = `{ ${plan.sipPort}, ${media} }`
  const streams = `${plan.sipPort}-${plan.sipPort + 1}`
  const v4 = plan.siteNetworks.filter((cidr) => !cidr.includes(':'))
  const v6 = plan.siteNetworks.filter((cidr) => cidr.includes(':'))
  const agentPorts = plan.agentPorts.filter(
    (port) => port !== plan.sipPort && port !== plan.sipPort + 1 && !within(port, plan.mediaPorts),
  )
  const tunnel = `"${plan.interface}"`
  return `table inet tieline
delete table inet tieline
table inet tieline {
  set site4 { type ipv4_addr; flags interval; auto-merge; ${elements(v4)} }
  set site6 { type ipv6_addr; flags interval; auto-merge; ${elements(v6)} }

  chain untracked_in {
    type filter hook prerouting priority raw; policy accept;
    udp dport ${platform} notrack
  }
  chain untracked_out {
    type filter hook output priority raw; policy accept;
    meta skuid 0 udp sport ${platform} notrack
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname lo udp dport ${platform} drop
    iifname lo tcp dport { ${streams}, ${media} } drop
    iifname lo accept
    iifname != ${tunnel} drop
    ip saddr != @site4 drop
    ip6 saddr != @site6 drop
    udp dport ${platform} accept
    tcp dport ${streams} accept
    ct state established,related accept
${agentPorts.length ? `    tcp dport { ${agentPorts.join(', ')} } accept\n` : ''}    icmp type { echo-request, destination-unreachable, time-exceeded } limit rate 100/second accept
    icmpv6 type { echo-request, destination-unreachable, packet-too-big, time-exceeded, nd-neighbor-solicit, nd-neighbor-advert } limit rate 100/second accept
  }
  chain output {
    type filter hook output priority filter; policy drop;
    meta skuid != 0 udp sport ${platform} drop
    meta skuid != 0 ct direction original tcp sport { ${streams}, ${media} } drop
    oifname lo accept
    oifname != ${tunnel} drop
    ip daddr @site4 accept
    ip6 daddr @site6 accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
  }
}
`
}

function elements(networks: string[]): string {
  return networks.length ? `elements = { ${networks.join(', ')} };` : ''
}

function within(port: number, range: { first: number; last: number }): boolean {
  return port >= range.first && port <= range.last
}
