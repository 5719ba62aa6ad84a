import { readdirSync } from 'node:fs'
import { run } from '#lib/index.ts'
import { isNamespaceOf, namespacePath } from './names.ts'
import { type ChannelPlan, host } from './plan.ts'

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
  const v6 = [plan.address, ...plan.destinations].some((address) => address.includes(':'))
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
    ['ipv6/conf/all/disable_ipv6', v6 ? '0' : '1'],
    ['ipv6/conf/default/disable_ipv6', v6 ? '0' : '1'],
  ] as const
  const script = settings.map(
    ([name, value]) => `if [ -e /proc/sys/net/${name} ]; then echo '${value}' > /proc/sys/net/${name}; fi`,
  )
  await runInside(plan.namespace, ['sh', '-s'], `set -e\n${script.join('\n')}\nip link set lo up\n`)
}

/** Gives the tunnel's interface its MTU, address and routes; again at any time, to the same effect. */
export async function addressInterface(plan: ChannelPlan, mtu: number): Promise<void> {
  const device = plan.interface
  const lines = [
    `link set ${device} mtu ${mtu}`,
    `addr replace ${host(plan.address)} dev ${device}`,
    `link set ${device} up`,
    `route flush dev ${device} proto static`,
    ...plan.destinations.map((cidr) => `route replace ${cidr} dev ${device} proto static`),
  ]
  await runInside(plan.namespace, ['ip', '-batch', '-'], `${lines.join('\n')}\n`)
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
