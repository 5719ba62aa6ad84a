import type { Id } from '#lib/index.ts'
import {
  type AgentStatus,
  type ChannelStatus,
  type Condition,
  type ProcessStatus,
  TOLL_RULES,
  type TollBalance,
  type TollUse,
  type TrunkState,
} from '#platform/words/index.ts'

/** What was seen of a node at one moment. A part that could not be asked is null, and what is known of it stays. */
export interface Observation {
  parts: { database: boolean; host: boolean; switch: boolean }
  processes: readonly ProcessStatus[] | null
  channels: readonly ChannelStatus[] | null
  agents: readonly AgentStatus[] | null
  /** Versions of agents that were deployed, have not proven themselves and were not taken back. */
  failedDeploys: readonly { subscriber: Id<'sub'>; reason: string }[] | null
  resources: readonly { kind: string; capacity: number; inUse: number }[] | null
  trunks: readonly TrunkState[] | null
  tolls: readonly TollUse[] | null
  balances: readonly TollBalance[] | null
  /** Of the switch's event loop, ms. */
  lagMs: number | null
  journal: { diskFull: boolean; lost: number; unshipped: number } | null
  disk: { freeBytes: number; wholeBytes: number } | null
  /** Plans that somebody is billed by and that say nothing of kinds. */
  unpriced: readonly { plan: string; kinds: readonly string[] }[] | null
  /** When each is no longer good, ms since the epoch; and why a new one can't take its place. Null: some could not be seen. */
  certificates: readonly { about: string; expiresAt: number; fault?: string }[] | null
  /** By how much the wall clock has parted from the monotonic one since the last look, and a while before; ms. */
  clockJumpMs: number
  /** Ms since the epoch. */
  wall: number
  /** Names for ids, of subscribers and trunks. */
  nameOf(id: string): string
}

/** An alarm is raised at the first and cleared at the second. */
const SCARCE = [0.8, 0.7] as const
const LATE_MS = [100, 50] as const
const DISK_SHARE = [0.05, 0.08] as const
const BEHIND_RECORDS = [100_000, 50_000] as const

const EMPTY = 0.95
const DAY_MS = 86_400_000
const EXPIRING_DAYS = 21
const EXPIRING_CRITICAL_DAYS = 3
const JUMP_MS = 2000

type Raised = (code: Condition['code'], about: string) => boolean

/** What of all that was seen an operator must be told; `raised` says which alarms hold already. Pure. */
export function judge(seen: Observation, raised: Raised): Condition[] {
  return [
    ...parts(seen),
    ...resources(seen, raised),
    ...trunks(seen),
    ...subscribers(seen),
    ...tolls(seen, raised),
    ...balances(seen),
    ...storage(seen, raised),
    ...time(seen, raised),
    ...prices(seen),
  ]
}

/** Whether the observation says anything of this code: where not, an alarm that holds goes on. */
export function tells(seen: Observation, code: Condition['code']): boolean {
  switch (code) {
    case 'process-down':
      return seen.processes !== null
    case 'resource-scarce':
      return seen.resources !== null
    case 'trunk-down':
    case 'gateway-down':
    case 'registration-lost':
      return seen.trunks !== null
    case 'channel-down':
      return seen.channels !== null
    case 'agent-down':
      return seen.agents !== null
    case 'deploy-failed':
      return seen.failedDeploys !== null
    case 'toll-limit':
      return seen.tolls !== null
    case 'balance-low':
      return seen.balances !== null
    case 'journal-behind':
      return seen.journal !== null
    case 'disk-scarce':
      return seen.disk !== null
    case 'loop-late':
      return seen.lagMs !== null
    case 'certificate-expiring':
    case 'certificate-unreadable':
      return seen.certificates !== null
    case 'price-missing':
      return seen.unpriced !== null
    default:
      return true
  }
}

function parts({ parts: up, processes }: Observation): Condition[] {
  const away = Object.entries(up).filter(([, is]) => !is)
  const dead = (processes ?? []).filter(({ pid }) => pid === null)
  return [
    ...away.map(([about]) =>
      critical('part-away', about, `${about} cannot be reached; calls go on without it as long as they can.`),
    ),
    ...dead.map(({ name, restarts }) =>
      critical('process-down', name, `${name} does not run; it was started again ${restarts} times.`),
    ),
  ]
}

function resources({ resources: all }: Observation, raised: Raised): Condition[] {
  return (all ?? []).flatMap(({ kind, capacity, inUse }) => {
    if (capacity === 0) return []
    const share = inUse / capacity
    if (share < SCARCE[raised('resource-scarce', kind) ? 1 : 0]) return []
    const severity = share >= EMPTY ? 'critical' : 'warning'
    return [{ code: 'resource-scarce' as const, about: kind, severity, text: `${inUse} of ${capacity} of ${kind} are in use.` }]
  })
}

function trunks({ trunks: all, nameOf }: Observation): Condition[] {
  return (all ?? []).flatMap(({ trunk, gateways, names, registration }) => {
    const name = nameOf(trunk)
    const down = gateways.filter(({ state }) => state === 'down')
    const silent = down.map(({ address, port }) => `${address}:${port}`)
    const why = down.find(({ trouble }) => trouble)?.trouble
    const nowhere = names.filter(({ state }) => state === 'nowhere').map((at) => at.name)
    const lost = [...silent, ...nowhere]
    const found: Condition[] =
      lost.length > 0 && silent.length === gateways.length
        ? [critical('trunk-down', name, `No gateway of trunk ${name} answers${why ? `: ${why}` : ''}.`)]
        : lost.map((at) => warning('gateway-down', `${name} ${at}`, `A gateway of trunk ${name} does not answer: ${at}.`))
    if (registration?.state === 'refused')
      found.push(critical('registration-lost', name, `Trunk ${name} is ${registration.text}.`))
    if (registration?.state === 'waiting')
      found.push(warning('registration-lost', name, `Trunk ${name} is ${registration.text}.`))
    return found
  })
}

function subscribers({ channels, agents, failedDeploys, nameOf }: Observation): Condition[] {
  const lost = (channels ?? []).filter(({ state }) => state === 'down' || state === 'stale')
  const broken = (agents ?? []).filter(({ state }) => state === 'backing-off')
  return [
    ...lost.map(({ subscriber, state, reason }) => ({
      ...warning('channel-down', nameOf(subscriber), `The channel of ${nameOf(subscriber)} is ${state}: ${reason}.`),
      subscriber,
    })),
    ...broken.map(({ subscriber, reason }) => ({
      ...warning('agent-down', nameOf(subscriber), `The agent of ${nameOf(subscriber)} does not run: ${reason}.`),
      subscriber,
    })),
    ...(failedDeploys ?? []).map(({ subscriber, reason }) => ({
      ...warning(
        'deploy-failed',
        nameOf(subscriber),
        `The agent that was deployed for ${nameOf(subscriber)} has failed, and the one before serves on: ${reason}.`,
      ),
      subscriber,
    })),
  ]
}

/** More calls out than a subscriber has mostly are not its own (PITFALLS F14). */
function tolls({ tolls: all, nameOf }: Observation, raised: Raised): Condition[] {
  return (all ?? []).flatMap(({ subscriber, class: name, rule, limit, used }) => {
    const about = [nameOf(subscriber), ...(name ? [name] : []), rule].join(' ')
    if (used / limit < SCARCE[raised('toll-limit', about) ? 1 : 0]) return []
    const severity = used >= limit ? 'critical' : 'warning'
    const text = `${nameOf(subscriber)} has used ${used} of ${limit} ${TOLL_RULES[rule]}${name ? ` to numbers of the class ${name}` : ' of calls out'}.`
    return [{ code: 'toll-limit' as const, about, severity, text, subscriber }]
  })
}

/** Whoever has nothing left makes no calls but to emergency numbers. */
function balances({ balances: all, nameOf }: Observation): Condition[] {
  return (all ?? []).flatMap(({ subscriber, low, empty }) => {
    if (!low && !empty) return []
    const name = nameOf(subscriber)
    const text = empty ? `The balance of ${name} is used up: its calls are refused.` : `The balance of ${name} is low.`
    return [{ code: 'balance-low' as const, about: name, severity: empty ? 'critical' : 'warning', text, subscriber }]
  })
}

function storage({ disk, journal }: Observation, raised: Raised): Condition[] {
  const found: Condition[] = []
  if (disk && disk.wholeBytes > 0) {
    const share = disk.freeBytes / disk.wholeBytes
    const text = `${Math.floor(disk.freeBytes / 1_048_576)} MiB are left on the disk of the state directory.`
    if (journal?.diskFull)
      found.push(critical('disk-scarce', 'state', `The disk is full: the journal has given up its reserve. ${text}`))
    else if (share < DISK_SHARE[raised('disk-scarce', 'state') ? 1 : 0]) found.push(warning('disk-scarce', 'state', text))
  }
  if (journal && journal.lost > 0)
    found.push(critical('journal-behind', 'node', `${journal.lost} records of the journal were lost.`))
  else if (journal && journal.unshipped > BEHIND_RECORDS[raised('journal-behind', 'node') ? 1 : 0])
    found.push(warning('journal-behind', 'node', `PostgreSQL has not taken ${journal.unshipped} records of the journal.`))
  return found
}

function time({ lagMs, certificates, clockJumpMs, wall }: Observation, raised: Raised): Condition[] {
  const found: Condition[] = []
  if (lagMs !== null && lagMs > LATE_MS[raised('loop-late', 'switch') ? 1 : 0])
    found.push(warning('loop-late', 'switch', `The event loop of the switch is ${Math.round(lagMs)} ms late.`))
  for (const { about, expiresAt, fault } of certificates ?? []) {
    if (fault)
      found.push(
        warning('certificate-unreadable', about, `The certificate of ${about} cannot be renewed from its files: ${fault}.`),
      )
    const days = (expiresAt - wall) / DAY_MS
    if (days > EXPIRING_DAYS) continue
    const text =
      days < 0
        ? `The certificate of ${about} is out of date.`
        : `The certificate of ${about} is good for ${Math.floor(days)} days more.`
    found.push({ code: 'certificate-expiring', about, severity: days <= EXPIRING_CRITICAL_DAYS ? 'critical' : 'warning', text })
  }
  if (Math.abs(clockJumpMs) > JUMP_MS) {
    const way = clockJumpMs > 0 ? 'ahead' : 'back'
    const seconds = Math.round(Math.abs(clockJumpMs) / 1000)
    const text = `The wall clock has jumped ${way} by ${seconds} s: tunnels may refuse handshakes until it is right.`
    found.push(warning('clock-jumped', 'node', text))
  }
  return found
}

function prices({ unpriced }: Observation): Condition[] {
  return (unpriced ?? []).map(({ plan, kinds }) =>
    warning('price-missing', plan, `Plan ${plan} has no price for ${kinds.join(', ')}: usage of it waits, on no bill.`),
  )
}

function critical(code: Condition['code'], about: string, text: string): Condition {
  return { code, about, severity: 'critical', text }
}

function warning(code: Condition['code'], about: string, text: string): Condition {
  return { code, about, severity: 'warning', text }
}
