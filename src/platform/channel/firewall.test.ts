import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firewallRules } from './firewall.ts'

const plan = {
  interface: 'tlmainw1',
  siteNetworks: ['10.210.0.2/32', '192.168.1.0/24'],
  sipPort: 5060,
  mediaPorts: { first: 16384, last: 32767 },
  agentPorts: [8080],
}

test('the tunnel reaches SIP, RTP and the ports of the agent, from the site alone', () => {
  const rules = firewallRules(plan)
  assert.match(rules, /set site4 .* elements = \{ 10\.210\.0\.2\/32, 192\.168\.1\.0\/24 \}/)
  assert.match(rules, /iifname != "tlmainw1" drop\n {4}ip saddr != @site4 drop\n {4}ip6 saddr != @site6 drop/)
  assert.match(rules, /udp dport \{ 5060, 16384-32767 \} accept/)
  assert.match(rules, /tcp dport \{ 8080 \} accept/)
})

test('on lo nobody reaches a port of the platform, and no agent sends from one (T09)', () => {
  const rules = firewallRules(plan)
  assert.ok(rules.indexOf('iifname lo udp dport { 5060, 16384-32767 } drop') < rules.indexOf('iifname lo accept'))
  assert.ok(rules.indexOf('meta skuid != 0 udp sport { 5060, 16384-32767 } drop') < rules.indexOf('oifname lo accept'))
})

test('an agent that asks for a port of the platform does not get it, and one without ports has no rule', () => {
  assert.match(firewallRules({ ...plan, agentPorts: [5060, 5061, 20000, 9000] }), /tcp dport \{ 9000 \} accept/)
  assert.doesNotMatch(firewallRules({ ...plan, agentPorts: [] }), /tcp dport \{[^}]*\} accept/)
})

test('a site of one family leaves nothing open for the other', () => {
  const rules = firewallRules({ ...plan, siteNetworks: ['2001:db8::/64'] })
  assert.match(rules, /set site4 \{ type ipv4_addr; flags interval; auto-merge; {2}\}/)
  assert.match(rules, /set site6 .* elements = \{ 2001:db8::\/64 \}/)
})

test('of ICMPv6 what tells that a packet was too large comes in', () => {
  assert.match(firewallRules(plan), /icmpv6 type \{ [^}]*packet-too-big[^}]* \} limit rate 100\/second accept/)
})
