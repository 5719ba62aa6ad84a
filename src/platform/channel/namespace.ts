import { readdirSync } from 'node:fs'
import { run } from '#lib/index.ts'
import { isNamespaceOf, namespacePath } from './names.ts'
import { addressesOf, type ChannelPlan, hasIpv6, host } from './plan.ts'

/** Runs a program of the system inside a namespace, by the namespace's path: our own view of /sys and /run stays. */
export function runInside(namespace: string, command: readonly string[], input?: string): Promise<string> {
  return run('nsenter', [`--net=${namespacePath(namespace)}`, '--', ...command], input === undefined ? {} : { input })
}

/** The namespaces of an instance, those included that only a file is left of. */
export function listNamespaces(instance: string): string[] {
  try {
    return readdirSync('/run/netns').filter((name) => isNamespaceOf(instance, name))
  } catch {
    return [] // nobody has ever made one on this machine
  }
}

/** Makes the namespace with `lo` and its rules, before anything else can be in it. */
export async function createNamespace(plan: ChannelPlan, pingGroup: number): Promise<void> {
  await removeNamespace(plan.namespace)
  await run('ip', ['netns', 'add', plan.namespace])
  await runInside(plan.namespace, ['nft', '-f', '-'], plan.rules)
  const settings = [
    // A new namespace inherits the node's own settings: say each that matters.
    ['ipv4/ip_forward', '0'],
    ['ipv4/conf/all/rp_filter', '1'],
    ['ipv4/conf/all/accept_redirects', '0'],
    ['ipv4/conf/all/send_redirects', '0'],
    ['ipv4/conf/default/send_redirects', '0'],
    ['ipv4/ip_local_reserved_ports', plan.reservedPorts],
    // `channel check` pings without any privilege; no other group may.
    ['ipv4/ping_group_range', `${pingGroup} ${pingGroup}`],
    ['ipv6/conf/all/forwarding', '0'],
    // Nobody but us gives addresses here: none of a router, and none of the link, which would be looked for twice before it counts.
    ...['accept_ra', 'accept_dad', 'accept_redirects', 'router_solicitations'].map((name): [string, string] => [
      `ipv6/conf/default/${name}`,
      '0',
    ]),
    ['ipv6/conf/default/addr_gen_mode', '1'],
    ...familySettings(plan),
  ] satisfies [string, string][]
  await runInside(plan.namespace, ['sh', '-s'], `set -e\n${write(settings)}\nip link set lo up\n`)
}

/** Without an address of its own a namespace has no IPv6 at all. */
function familySettings(plan: ChannelPlan): [string, string][] {
  const disabled = hasIpv6(plan) ? '0' : '1'
  return [
    ['ipv6/conf/all/disable_ipv6', disabled],
    ['ipv6/conf/default/disable_ipv6', disabled],
  ]
}

/** For a shell; a kernel without IPv6 has none of its files. */
function write(settings: readonly (readonly [string, string])[]): string {
  return settings
    .map(([name, value]) => `if [ -e /proc/sys/net/${name} ]; then echo '${value}' > /proc/sys/net/${name}; fi`)
    .join('\n')
}

/** Gives the tunnel's interface its MTU, addresses and routes; again at any time, to the same effect. */
export async function addressInterface(plan: ChannelPlan, mtu: number): Promise<void> {
  const device = plan.interface
  const script = [
    'set -e',
    // First, as an interface that was narrower begins anew.
    `ip link set ${device} mtu ${mtu}`,
    write(familySettings(plan)),
    ...batch(plan, '-4', (address) => !address.includes(':')),
    ...(hasIpv6(plan) ? batch(plan, '-6', (address) => address.includes(':')) : []),
  ]
  await runInside(plan.namespace, ['sh', '-s'], `${script.join('\n')}\n`)
}

/** A mark of routes that stay, of no routing daemon's (`/etc/iproute2/rt_protos`). */
const STAYS = 99

/** Addresses and routes of one family. Those that stay are never away: they are marked, the others go, and the mark is taken off. */
function batch(plan: ChannelPlan, family: '-4' | '-6', ofFamily: (address: string) => boolean): string[] {
  const device = plan.interface
  // An address that is looked for on the link first could not be bound meanwhile (RFC 4862 §5.4); in a tunnel nobody else has it.
  const how = family === '-6' ? ' nodad' : ''
  const routes = (proto: string | number) =>
    plan.destinations.filter(ofFamily).map((cidr) => `route replace ${cidr} dev ${device} proto ${proto}`)
  return [
    `ip ${family} -batch - <<END`,
    ...addressesOf(plan)
      .filter(ofFamily)
      .map((own) => `addr replace ${host(own)} dev ${device}${how}`),
    `link set ${device} up`,
    ...routes(STAYS),
    `route flush dev ${device} proto static`,
    ...routes('static'),
    `route flush dev ${device} proto ${STAYS}`,
    'END',
  ]
}

/** Loads the rules as one transaction: there is no moment without. */
export async function loadRules(plan: ChannelPlan): Promise<void> {
  await runInside(plan.namespace, ['nft', '-f', '-'], plan.rules)
}

/** What the kernel has, as text: two equal fingerprints mean that nobody has touched it in between. */
export async function fingerprint(plan: ChannelPlan): Promise<string> {
  const script =
    'ip -o addr; ip -o link; ip route show table all; ip -6 route show; nft -s list ruleset; cat /proc/sys/net/ipv4/ip_forward'
  const text = await runInside(plan.namespace, ['sh', '-s'], script)
  return text.replaceAll(/ expires \S+/g, '')
}

/** Removes a namespace, or the file that is left of one. Idempotent. */
export async function removeNamespace(namespace: string): Promise<void> {
  let names: string[] = []
  try {
    names = readdirSync('/run/netns')
  } catch {}
  if (names.includes(namespace)) await run('ip', ['netns', 'del', namespace])
}
