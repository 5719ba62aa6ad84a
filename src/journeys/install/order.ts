import { BlockList, isIP } from 'node:net'
import {
  checkAddress,
  checkAllocation,
  checkHost,
  checkName,
  checkNetwork,
  checkNumber,
  checkPort,
  checkRoute,
  checkTimeZone,
  checkTunnelKey,
  checkUser,
  type DefaultRoute,
  invalid,
  type Sealer,
} from '#platform/subscriber/index.ts'
import {
  type Allocation,
  CODEC_NAMES,
  type CodecPolicy,
  type DigitPolicy,
  KINDS,
  type SiteConfig,
  type SiteTls,
  type Survival,
  type TonePolicy,
} from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import { canonical, completePbx, type PbxOrder } from './pbx.ts'
import { checkTls } from './trust.ts'

/** What an operator says of a new subscriber. */
export interface InstallOrder {
  name: string
  numbers: string[]
  timeZone?: string
  plan?: string
  /** Kinds that are not named get a guarantee of nothing and a ceiling of 100; the memory of the agent is guaranteed. */
  allocations?: Allocation[]
  site: {
    networks: string[]
    pbx?: PbxOrder
    dns?: { servers: string[]; search?: string }
    /** The site's own WireGuard public key: then no private key of the site ever exists here. */
    publicKey?: string
    emergencyCallerId?: string
    /** Whether the sound of legs over the channel is protected, too. */
    srtp?: SiteConfig['srtp']
    /** Whether telephones may do without TLS; `allowed` unless said. */
    telephoneTls?: SiteTls['telephones']
    /** What its legs may speak, best first, and those of its telephones where that is something else; null for what is usual. */
    codecs?: CodecName[] | null
    telephoneCodecs?: CodecName[] | null
    /** Whether that may be transcoded, or another codec be asked for, and how keys reach a leg without telephone-events. */
    transcode?: boolean
    renegotiate?: boolean
    digits?: DigitPolicy
    /** What the tones of such a leg are for the other one. */
    tones?: TonePolicy
    /** By which digest telephones show who they are; MD5 unless said. */
    telephoneDigest?: NonNullable<SiteConfig['digest']>
    /** Whether the site's gateway masquerades the platform's address, or the LAN has a route to it. */
    lan?: 'route' | 'masquerade'
  }
  defaultRoute: DefaultRoute
  agent?: { decisionDeadlineMs?: number; memoryMebibytes?: number; cpuShare?: number; maxProcesses?: number; listen?: number[] }
  survival?: Survival
  /** Whether users' calls may be sent on to numbers outside; `allowed` unless said. */
  forwardOutside?: 'allowed' | 'denied'
  /** User names of telephones that register: each gets a password. */
  telephones?: string[]
}

/** Servers as the kernel will write them, by whose text an answer is known. */
export function completeDns<T extends { servers: string[] } | null>(dns: T): T {
  return dns && { ...dns, servers: dns.servers.map(canonical) }
}

type SpokenBySite = CodecPolicy & Pick<SiteConfig, 'telephoneCodecs'>

/** What is said of codecs, laid over what was said before: null takes back to what is usual. Rejects with `invalid-argument`. */
export function codecsOf(
  before: SpokenBySite,
  said: {
    [K in keyof SpokenBySite]?: (K extends 'codecs' | 'telephoneCodecs' ? SpokenBySite[K] | null : SpokenBySite[K]) | undefined
  },
): SpokenBySite {
  const {
    transcode = before.transcode ?? true,
    renegotiate = before.renegotiate ?? true,
    digits = before.digits ?? 'tones',
    tones = before.tones ?? 'keys',
  } = said
  return {
    ...namesOf('codecs', said.codecs === undefined ? before.codecs : said.codecs),
    ...namesOf('telephoneCodecs', said.telephoneCodecs === undefined ? before.telephoneCodecs : said.telephoneCodecs),
    ...(transcode ? {} : { transcode }),
    ...(renegotiate ? {} : { renegotiate }),
    ...(digits === 'tones' ? {} : { digits }),
    ...(tones === 'keys' ? {} : { tones }),
  }
}

function namesOf<F extends 'codecs' | 'telephoneCodecs'>(field: F, names: readonly CodecName[] | null | undefined) {
  if (!names) return {}
  if (names.length === 0) throw invalid(field, 'At least one codec is allowed.')
  for (const name of names) if (!CODEC_NAMES.includes(name)) throw invalid(field, `A codec is one of ${CODEC_NAMES.join(', ')}.`)
  checkDistinct(field, [...names])
  return { [field]: [...names] }
}

const DEFAULT_CEILING = 100

/** Sandboxes of an agent that may be there at once: the one that serves, one that finishes its calls, one that is tried. */
const SANDBOXES = 3

/** The memory of an agent is its own as long as the subscriber is there: guaranteed, so that a node never promises more than it has. */
export function memoryOf(mebibytes: number): Allocation {
  return { kind: 'agent.memory', guaranteed: mebibytes, ceiling: SANDBOXES * mebibytes }
}

/** All kinds of the platform, with what the order says of some. */
export function allocationsOf(order: InstallOrder, memoryMebibytes: number): Allocation[] {
  const named = new Map((order.allocations ?? []).map((allocation) => [allocation.kind, allocation]))
  const memory = memoryOf(memoryMebibytes)
  const rest = KINDS.filter(({ kind }) => !named.has(kind)).map(({ kind }) =>
    kind === memory.kind ? memory : { kind, guaranteed: 0, ceiling: DEFAULT_CEILING },
  )
  return [...named.values(), ...rest]
}

/** Rejects with `invalid-argument` at the first thing that cannot be, before anything is made. */
export function checkOrder(order: InstallOrder, sealer: Sealer): void {
  checkName('name', order.name)
  for (const number of order.numbers) checkNumber('numbers', number)
  checkDistinct('numbers', order.numbers)
  if (order.timeZone !== undefined) checkTimeZone('timeZone', order.timeZone)
  for (const allocation of order.allocations ?? []) checkAllocation('allocations', allocation)
  checkDistinct(
    'allocations',
    (order.allocations ?? []).map(({ kind }) => kind),
  )
  for (const telephone of order.telephones ?? []) checkUser('telephones', telephone)
  checkDistinct('telephones', order.telephones ?? [])
  if (order.site.publicKey !== undefined) checkTunnelKey('site.publicKey', order.site.publicKey)
  if (order.site.emergencyCallerId !== undefined) checkNumber('site.emergencyCallerId', order.site.emergencyCallerId)
  codecsOf({}, order.site)
  const pbx = completePbx(order.site.pbx, sealer)
  const telephones = (order.telephones ?? []).map((name) => ({ name }))
  checkSite({ networks: order.site.networks, dns: order.site.dns ?? null, pbx, telephones }, sealer)
  checkRoute('defaultRoute', order.defaultRoute, pbx)
  checkAgent(order.agent ?? {})
}

/** Checks where things are in a site, for install and for later changes. */
export function checkSite(
  site: {
    networks: string[]
    dns: { servers: string[]; search?: string } | null
    pbx: SiteConfig['pbx']
    telephones: readonly { name: string }[]
  },
  sealer: Sealer,
): void {
  for (const network of site.networks) checkNetwork('site.networks', network)
  if (site.networks.length === 0) throw invalid('site.networks', 'A site has at least one network: nothing else is routed to it.')
  const inside = insideOf(site.networks)
  for (const server of site.dns?.servers.map(canonical) ?? []) {
    checkAddress('site.dns.servers', server)
    if (!inside(server)) throw invalid('site.dns.servers', 'A DNS server is in one of the networks of the site.')
  }
  if (site.dns?.search !== undefined) checkHost('site.dns.search', site.dns.search)
  if (!site.pbx) return
  const { host, port, number, account, calls, tls } = site.pbx
  if (port !== undefined) checkPort('site.pbx.port', port)
  checkTls('site.pbx.tls', tls, sealer)
  if (number !== undefined) checkNumber('site.pbx.number', number)
  if (account !== undefined && !site.telephones.some(({ name }) => name === account))
    throw invalid('site.pbx.account', 'A PBX registers as a telephone of the site: there is none of this name.')
  if (calls === 'digest' && account === undefined)
    throw invalid('site.pbx.calls', 'A PBX proves by an account who it is: name one.')
  if (host === undefined) {
    if (account === undefined) throw invalid('site.pbx.host', 'Say where the PBX is, or as which telephone it registers.')
    return
  }
  checkHost('site.pbx.host', host)
  if (isIP(host) !== 0 && !inside(host))
    throw invalid('site.pbx.host', 'The PBX is in none of the networks of the site, so that nothing would be routed to it.')
  if (isIP(host) === 0 && !site.dns)
    throw invalid('site.pbx.host', 'A name needs a DNS server of the site: name one, or give an address.')
}

export function checkAgent(agent: NonNullable<InstallOrder['agent']>): void {
  const { decisionDeadlineMs: deadline, memoryMebibytes: memory, cpuShare, maxProcesses, listen = [] } = agent
  if (deadline !== undefined && !within(deadline, 50, 30_000))
    throw invalid('agent.decisionDeadlineMs', 'A deadline is 50 to 30000 ms.')
  if (memory !== undefined && !within(memory, 32, 65_536)) throw invalid('agent.memoryMebibytes', 'Memory is 32 to 65536 MiB.')
  if (cpuShare !== undefined && !(cpuShare >= 0.05 && cpuShare <= 64))
    throw invalid('agent.cpuShare', 'A CPU share is 0.05 to 64 cores.')
  if (maxProcesses !== undefined && !within(maxProcesses, 8, 4096))
    throw invalid('agent.maxProcesses', 'Processes are 8 to 4096.')
  for (const port of listen) checkPort('agent.listen', port)
}

function within(value: number, from: number, to: number): boolean {
  return Number.isInteger(value) && value >= from && value <= to
}

function checkDistinct(field: string, values: string[]): void {
  if (new Set(values).size !== values.length) throw invalid(field, 'Something is named twice here.')
}

function insideOf(networks: string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
  return (address) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
