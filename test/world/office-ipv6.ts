import type { Namespace } from './namespace.ts'
import { OFFICE, type Office } from './office.ts'

/** What an office has beside its IPv4: again all the same in each. */
export const OFFICE6 = {
  network: 'fd12:3456::/64',
  router: 'fd12:3456::1',
  pbx: 'fd12:3456::10',
  crm: 'fd12:3456::20',
  dns: 'fd12:3456::53',
} as const

/** Gives an office IPv6 on its LAN. `only` takes its IPv4 away there, from all machines but the router. */
export async function giveIpv6(office: Office, { only = false } = {}): Promise<void> {
  const { router, machines } = office
  await router.run(ON)
  await router.ip(`addr add ${OFFICE6.router}/64 dev lan nodad`)
  for (const [role, machine] of Object.entries(machines)) {
    await machine.run(ON)
    const address = OFFICE6[role as keyof typeof machines]
    await machine.ip(`addr add ${address}/64 dev eth0 nodad`, `route add default via ${OFFICE6.router}`)
    if (only) await withoutIpv4(machine, OFFICE[role as keyof typeof machines])
  }
}

async function withoutIpv4(machine: Namespace, address: string): Promise<void> {
  await machine.ip(`addr del ${address}/24 dev eth0`)
}

const ON = [
  'sh',
  '-c',
  'for c in all default; do echo 0 >/proc/sys/net/ipv6/conf/$c/disable_ipv6; echo 0 >/proc/sys/net/ipv6/conf/$c/accept_dad; done',
]
