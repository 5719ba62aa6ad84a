import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SYSTEM_PATH } from '#lib/index.ts'
import type { PlatformConfig } from '#platform/words/index.ts'

/** What the machine shows; in from outside, so that every sentence can be tested. */
export interface Machine {
  uid: number
  /** The text of a file, or null where it is not there. */
  read(path: string): string | null
  exists(path: string): boolean
  /** Whether a program is in a directory of the system's. */
  hasProgram(name: string): boolean
}

export function thisMachine(): Machine {
  return {
    uid: process.getuid?.() ?? -1,
    read(path) {
      try {
        return readFileSync(path, 'utf8')
      } catch {
        return null
      }
    },
    exists: existsSync,
    hasProgram: (name) => SYSTEM_PATH.split(':').some((directory) => isExecutable(join(directory, name))),
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const PROGRAMS = {
  ip: 'iproute2',
  nft: 'nftables',
  wg: 'wireguard-tools',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  bwrap: 'bubblewrap',
  ping: 'iputils-ping',
} as const

const ACCOUNTS = ['tieline-switch', 'tieline-voice', 'tieline-control', 'tieline-db', 'tieline-tunnel'] as const

/** What is missing for the platform to start: one sentence each, that says what to do. Empty is well. */
export function missingForStart(config: PlatformConfig, machine: Machine, kernelWireGuard: boolean): string[] {
  const missing: string[] = []
  if (machine.uid !== 0) return ['Tieline makes network namespaces, so `tieline up` must be run as root.']
  const { implementation } = config.channel
  if (implementation === 'kernel' && !kernelWireGuard)
    missing.push('This kernel has no WireGuard: set channel.implementation to auto or wireguard-go.')
  if (implementation === 'wireguard-go' || (implementation === 'auto' && !kernelWireGuard)) {
    if (!machine.exists('/dev/net/tun'))
      missing.push('/dev/net/tun is missing: load the tun module, or give the container that device.')
    if (!machine.hasProgram('wireguard-go')) missing.push("The program wireguard-go is missing: install Debian's wireguard-go.")
  }
  for (const [program, source] of Object.entries(PROGRAMS))
    if (!machine.hasProgram(program)) missing.push(`The program ${program} is missing: install Debian's ${source}.`)
  const passwd = machine.read('/etc/passwd') ?? ''
  const absent = ACCOUNTS.filter((name) => !new RegExp(`^${name}:`, 'm').test(passwd))
  if (absent.length) missing.push(`The system accounts ${absent.join(', ')} are missing: run \`npm run setup\`.`)
  const ports = ephemeralOverlap(config.media.ports, machine)
  if (ports)
    missing.push(
      `media.ports (${span(config.media.ports)}) overlaps the ports that the kernel gives to outgoing sockets (${ports}): ` +
        `choose another range, or reserve it: sysctl -w net.ipv4.ip_local_reserved_ports=${span(config.media.ports)}`,
    )
  return missing
}

/** What is unwise but works: sentences for the log. */
export function warningsForStart(config: PlatformConfig, machine: Machine): string[] {
  const warnings: string[] = []
  const ports = ephemeralOverlap(config.channel.ports, machine)
  if (ports)
    warnings.push(
      `channel.ports (${span(config.channel.ports)}) overlaps the ports that the kernel gives to outgoing sockets (${ports}); ` +
        `reserve it: sysctl -w net.ipv4.ip_local_reserved_ports=${span(config.channel.ports)}`,
    )
  if (config.sip.address.startsWith('127.')) warnings.push('sip.address is a loopback address: no carrier can reach this node')
  return warnings
}

interface Range {
  first: number
  last: number
}

const span = ({ first, last }: Range) => `${first}-${last}`

/** The kernel's range for outgoing sockets where it meets `range` at a port that is not reserved; else null. */
function ephemeralOverlap(range: Range, machine: Machine): string | null {
  const text = machine.read('/proc/sys/net/ipv4/ip_local_port_range') ?? '32768 60999'
  const [low = 32768, high = 60999] = text.trim().split(/\s+/).map(Number)
  const reserved = (machine.read('/proc/sys/net/ipv4/ip_local_reserved_ports') ?? '')
    .trim()
    .split(',')
    .filter(Boolean)
    .map((part) => {
      const [first = 0, last = first] = part.split('-').map(Number)
      return { first, last }
    })
  for (let port = Math.max(low, range.first); port <= Math.min(high, range.last); port++)
    if (!reserved.some(({ first, last }) => port >= first && port <= last)) return `${low}-${high}`
  return null
}
