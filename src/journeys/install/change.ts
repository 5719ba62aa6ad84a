import { isIP, isIPv6 } from 'node:net'
import { newId } from '#lib/index.ts'
import { parseMicros } from '#platform/billing/index.ts'
import {
  checkAllocation,
  checkName,
  checkNetwork,
  checkNumber,
  checkPort,
  checkRoute,
  checkTimeZone,
  type DefaultRoute,
  invalid,
  type Scope,
  type SubscriberRecord,
} from '#platform/subscriber/index.ts'
import { checkRules } from '#platform/toll/index.ts'
import type { Allocation, Capacity, SiteConfig, SiteTls, Survival, TollRules, TrunkConfig } from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import { hostName } from '#protocol/dns/index.ts'
import { checkPlan, type InstallDeps, publishChange, wrongState } from './deps.ts'
import { endsOf } from './ends.ts'
import { checkAgent, checkSite, codecsOf, completeDns, type InstallOrder, memoryOf } from './order.ts'
import { completePbx, type PbxOrder } from './pbx.ts'
import { spentBy } from './spent.ts'
import { checkTls } from './trust.ts'

/** What may change of a subscriber; what is absent stays. */
export interface SubscriberPatch {
  defaultRoute?: DefaultRoute
  pbx?: PbxOrder | null
  decisionDeadlineMs?: number
  /** From here on the operator's alone. */
  timeZone?: string
  plan?: string
  emergencyCallerId?: string | null
  srtp?: SiteConfig['srtp']
  telephoneTls?: SiteTls['telephones']
  /** Null: what is usual. */
  codecs?: CodecName[] | null
  /** Null: what the PBX may speak. */
  telephoneCodecs?: CodecName[] | null
  transcode?: boolean
  renegotiate?: boolean
  digits?: SiteConfig['digits']
  tones?: SiteConfig['tones']
  telephoneDigest?: NonNullable<SiteConfig['digest']>
  survival?: Survival
  forwardOutside?: SubscriberRecord['forwardOutside']
  /** In the place of what was. */
  toll?: TollRules
  /** Null: none. */
  lowBalance?: string | null
  siteNetworks?: string[]
  dns?: { servers: string[]; search?: string } | null
  agent?: Omit<NonNullable<InstallOrder['agent']>, 'decisionDeadlineMs'>
}

/** Fields that a subscriber may change of itself. */
export const OWN_FIELDS: readonly (keyof SubscriberPatch)[] = ['defaultRoute', 'pbx', 'decisionDeadlineMs']

/** Changes a subscriber, checked as a whole, and publishes it. Rejects with `invalid-argument`, and then nothing changes. */
export async function changeSubscriber(
  deps: InstallDeps,
  scope: Scope,
  known: SubscriberRecord,
  patch: SubscriberPatch,
): Promise<SubscriberRecord> {
  const { id } = known
  if (patch.plan !== undefined) await checkPlan(deps, patch.plan)
  const classes = patch.toll ? await deps.store.listTollClasses() : []
  if (patch.toll) checkRules(patch.toll, classes)
  const spent = patch.toll ? await spentBy(deps, id, patch.toll, classes) : undefined
  // What is refused changes nothing.
  patched(deps, known, patch)
  if (patch.plan !== undefined && scope === 'platform') await deps.store.bindPlan(id, patch.plan)
  const changed = await deps.store.update(scope, id, (record) => ({
    ...patched(deps, record, patch),
    ...(spent === undefined ? {} : { spent }),
  }))
  const priced = patch.plan !== undefined || patch.toll !== undefined
  await publishChange(deps, { subscribers: [id], ...(priced ? { tariffs: true } : {}) })
  return changed
}

function patched(
  { config, sealer }: Pick<InstallDeps, 'config' | 'sealer'>,
  record: SubscriberRecord,
  patch: SubscriberPatch,
): SubscriberRecord {
  if (patch.timeZone !== undefined) checkTimeZone('timeZone', patch.timeZone)
  if (patch.emergencyCallerId) checkNumber('emergencyCallerId', patch.emergencyCallerId)
  const deadline = patch.decisionDeadlineMs === undefined ? {} : { decisionDeadlineMs: patch.decisionDeadlineMs }
  checkAgent({ ...patch.agent, ...deadline })
  const {
    emergencyCallerId: callerId,
    codecs: _,
    telephoneCodecs: __,
    transcode: ___,
    renegotiate: ____,
    digits: _____,
    tones: ______,
    ...site
  } = record.site
  const { ipv6: _______, ...channel } = record.channel
  const siteNetworks = patch.siteNetworks ?? record.channel.siteNetworks
  const nextCallerId = patch.emergencyCallerId === undefined ? callerId : patch.emergencyCallerId
  const next: SubscriberRecord = {
    ...record,
    timeZone: patch.timeZone ?? record.timeZone,
    defaultRoute: patch.defaultRoute ?? record.defaultRoute,
    site: {
      ...site,
      pbx: patch.pbx === undefined ? site.pbx : completePbx(patch.pbx, sealer, site.pbx),
      ...(nextCallerId ? { emergencyCallerId: nextCallerId } : {}),
      ...(patch.srtp ? { srtp: patch.srtp } : {}),
      ...(patch.telephoneDigest ? { digest: patch.telephoneDigest } : {}),
      ...(patch.telephoneTls && site.tls ? { tls: { ...site.tls, telephones: patch.telephoneTls } } : {}),
      ...codecsOf(record.site, patch),
    },
    forwardOutside: patch.forwardOutside ?? record.forwardOutside,
    toll: patch.toll ?? record.toll,
    lowBalance: patch.lowBalance === undefined ? record.lowBalance : checkLow(patch.lowBalance),
    survival: { ...record.survival, ...patch.survival },
    channel: {
      ...channel,
      ...endsOf(config.channel, siteNetworks, record.channel),
      siteNetworks,
      dns: patch.dns === undefined ? record.channel.dns : completeDns(patch.dns),
    },
    agent: { ...record.agent, ...patch.agent, ...deadline },
    allocations: withMemory(record.allocations, patch.agent?.memoryMebibytes),
  }
  const { siteNetworks: networks, dns } = next.channel
  checkSite({ networks, dns, pbx: next.site.pbx, telephones: next.telephones }, sealer)
  checkRoute('defaultRoute', next.defaultRoute, next.site.pbx)
  return next
}

function withMemory(allocations: Allocation[], mebibytes: number | undefined): Allocation[] {
  if (mebibytes === undefined) return allocations
  const memory = memoryOf(mebibytes)
  // A smaller sandbox is started while the one before is there still, which may hold all that was allowed.
  const before = allocations.find(({ kind }) => kind === memory.kind)?.ceiling ?? 0
  const ceiling = Math.max(before, memory.ceiling)
  return [...allocations.filter(({ kind }) => kind !== memory.kind), { ...memory, ceiling }]
}

function checkLow(amount: string | null): string | null {
  if (amount !== null && parseMicros(amount) < 0n) throw invalid('lowBalance', 'A threshold is not negative.')
  return amount
}

/** Refuses or grants a subscriber all resources, without touching anything that it has. */
export async function suspend(deps: InstallDeps, record: SubscriberRecord, suspended: boolean): Promise<SubscriberRecord> {
  if (record.state !== 'active' && record.state !== 'suspended')
    throw wrongState(`The subscriber is ${record.state}: it can be neither suspended nor resumed.`)
  const state = suspended ? 'suspended' : 'active'
  await deps.store.setState(record.id, state)
  await publishChange(deps, { subscribers: [record.id] })
  return { ...record, state }
}

export async function allocate(deps: InstallDeps, { id }: SubscriberRecord, allocation: Allocation): Promise<void> {
  checkAllocation('allocation', allocation)
  await deps.store.setAllocations(id, [allocation])
  await publishChange(deps, { subscribers: [id] })
}

export async function addNumber(deps: InstallDeps, { id }: SubscriberRecord, number: string): Promise<void> {
  checkNumber('number', number)
  await deps.store.addNumber(id, number)
  await publishChange(deps, { subscribers: [id] })
}

export async function removeNumber(deps: InstallDeps, { id }: SubscriberRecord, number: string): Promise<void> {
  await deps.store.removeNumber(id, number)
  await publishChange(deps, { subscribers: [id] })
}

export async function setCapacity(deps: InstallDeps, capacity: Capacity): Promise<void> {
  await deps.store.setCapacity(capacity)
  await publishChange(deps, { capacities: true })
}

/** Adds a trunk, or changes one; calls that are up on it stay up (PITFALLS O07). */
export async function writeTrunk(
  deps: InstallDeps,
  trunk: Omit<TrunkConfig, 'id'> & { id?: TrunkConfig['id'] },
): Promise<TrunkConfig> {
  checkName('name', trunk.name)
  if (trunk.gateways.length === 0) throw invalid('gateways', 'A trunk has at least one gateway.')
  for (const { address, port } of trunk.gateways) {
    if (isIP(address) === 0 && hostName(address) !== address)
      throw invalid('gateways', 'A gateway is an IP address or a full host name.')
    if (port !== undefined) checkPort('gateways', port)
  }
  for (const network of trunk.sources ?? []) checkSource(network)
  checkTls('tls', trunk.tls, deps.sealer)
  codecsOf({}, trunk)
  if (trunk.registerSeconds !== undefined && !trunk.credentials)
    throw invalid('registerSeconds', 'A trunk that registers has a user and a password.')
  if (trunk.accept && /[\r\n\0"\\:]/.test(trunk.accept.user)) throw invalid('accept', 'A user name has no : " or line break.')
  if (trunk.credentials && /[\r\n\0"\\:]/.test(trunk.credentials.user))
    throw invalid('auth', 'A user name has no : " or line break.')
  for (const { prefix, replace } of [...(trunk.numbers?.in ?? []), ...(trunk.numbers?.out ?? [])])
    if (!/^[+0-9*#]{0,20}$/.test(prefix) || !/^[+0-9*#]{0,20}$/.test(replace))
      throw invalid('numbers', 'A prefix is up to 20 of + 0-9 * #.')
  if (trunk.maxOut !== undefined && trunk.emergencyReserve > trunk.maxOut)
    throw invalid('emergencyReserve', 'No more than maxOut can be reserved for emergency calls.')
  if (trunk.media === 'direct' && trunk.srtp && trunk.srtp !== 'off')
    throw invalid('srtp', 'Sound that passes by the node cannot be protected by it: choose media relay, or srtp off.')
  const written: TrunkConfig = { ...trunk, id: trunk.id ?? newId('trk', deps.clock.wall()) }
  await deps.store.writeTrunk(written)
  await publishChange(deps, { trunks: true })
  return written
}

/** Bits that a network has at least: nobody's carrier is a larger part of the internet. */
const LEAST_BITS = { 4: 8, 6: 16 } as const

function checkSource(network: string): void {
  checkNetwork('sources', network)
  const [address = '', bits] = network.split('/')
  if (Number(bits) < LEAST_BITS[isIPv6(address) ? 6 : 4])
    throw invalid('sources', 'A network of a carrier is no larger than a /8, or a /16 of IPv6.')
}

export async function removeTrunk(deps: InstallDeps, trunk: TrunkConfig): Promise<void> {
  await deps.store.deleteTrunk(trunk.id)
  await publishChange(deps, { trunks: true })
}

export async function setEmergencyNumbers(deps: InstallDeps, numbers: string[]): Promise<void> {
  for (const number of numbers)
    if (!/^[0-9*#]{2,8}$/.test(number)) throw invalid('numbers', 'An emergency number is 2 to 8 digits, as dialled.')
  if (numbers.length === 0) throw invalid('numbers', 'There is at least one emergency number.')
  await deps.store.setEmergencyNumbers([...new Set(numbers)])
  await publishChange(deps, { trunks: true })
}
