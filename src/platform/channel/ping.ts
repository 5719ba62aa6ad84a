import { CommandFailed, confine, run } from '#lib/index.ts'
import { namespacePath } from './names.ts'

/** The account that probes run as: host itself reads nothing from a network. */
export interface ProbeAccount {
  name: string
  gid: number
}

/** What one ping has seen. */
export type Seen = 'answer' | 'expired' | 'unreachable' | 'nothing'

/** Asks an address twice within a second, with further options of ping(8). */
export type Ping = (address: string, extra?: string[]) => Promise<Seen>

/** Pings from inside a namespace. */
export function pinger(namespace: string, account: ProbeAccount): Ping {
  return async (address, extra = []) => {
    const command = ['ping', '-n', '-c', '2', '-i', '0.2', '-W', '1', ...extra, address]
    const { program, args } = confine({ user: account.name, group: String(account.gid), bounding: ['net_raw'] }, command)
    try {
      await run('nsenter', [`--net=${namespacePath(namespace)}`, '--', program, ...args])
      return 'answer'
    } catch (error) {
      const text = error instanceof CommandFailed ? `${error.stdout}${error.stderr}` : ''
      if (/Time to live exceeded|Hop limit/.test(text)) return 'expired'
      return /Unreachable/i.test(text) ? 'unreachable' : 'nothing'
    }
  }
}

/** Whether a packet of so many bytes, with its headers, goes to an address and back in one piece. */
export async function passesWhole(ping: Ping, address: string, size: number): Promise<boolean> {
  const headers = address.includes(':') ? 48 : 28
  return (await ping(address, ['-M', 'do', '-s', String(size - headers)])) === 'answer'
}

/** What every path carries, bytes: below, nothing is looked for (RFC 791 §3.1, less what a tunnel takes). */
const LEAST = 500
const STEP = 4

/**
 * The largest packet that goes to an address and back in one piece, at most `mtu` bytes; null where not even a small one is
 * answered. ICMP of routers is not asked for: many drop it.
 */
export async function widthOf(ping: Ping, address: string, mtu: number): Promise<number | null> {
  if (await passesWhole(ping, address, mtu)) return mtu
  if (!(await passesWhole(ping, address, LEAST))) return null
  let [passes, fails] = [LEAST, mtu]
  while (fails - passes > STEP) {
    const size = passes + STEP * Math.ceil((fails - passes) / STEP / 2)
    if (size >= fails) break
    if (await passesWhole(ping, address, size)) passes = size
    else fails = size
  }
  return passes
}
