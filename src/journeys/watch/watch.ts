import { statfs } from 'node:fs/promises'
import { type Clock, type Log, sleep } from '#lib/index.ts'
import { AlarmBoard, ClockWatch, expiryOf, type Observation } from '#platform/alarm/index.ts'
import type { AlarmChange, HostMethods, Metric, SipTlsStatus, Snapshot, SwitchMethods } from '#platform/words/index.ts'

type Params<M, K extends keyof M> = M[K] extends { params: infer P } ? P : never
type Result<M, K extends keyof M> = M[K] extends { result: infer R } ? R : never

/** A link's calls, for what is asked here. Rejects while the process is away. */
interface Asks<M> {
  call<K extends keyof M>(method: K, params: Params<M, K>, options?: { timeoutMs?: number }): Promise<Result<M, K>>
}

export interface WatchDeps {
  host: Asks<HostMethods>
  switch: Asks<SwitchMethods>
  health(): { database: boolean; host: boolean; switch: boolean }
  /** Plans in use that say nothing of kinds. Rejects while the database is away. */
  unpriced(): Promise<{ plan: string; kinds: string[] }[]>
  /** The newest publication, for names and certificates; null before the first. */
  snapshot(): Snapshot | null
  /** The state directory, whose disk everything rests on. */
  directory: string
  clock: Clock
  log: Log
}

const EVERY_MS = 5000
const WITHIN = { timeoutMs: 2000 }

/** Keeps the board of alarms true. */
export class Watch {
  readonly board = new AlarmBoard()
  readonly #deps: WatchDeps
  readonly #clocks = new ClockWatch()
  #looking: Promise<Observation> | null = null

  constructor(deps: WatchDeps) {
    this.#deps = deps
    this.#clocks.look(deps.clock.now(), deps.clock.wall())
  }

  /** Looks every five seconds until the signal; the first time when all had time to start. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    while (!signal.aborted) {
      await sleep(clock, EVERY_MS, signal).catch(() => {})
      if (signal.aborted) return
      await this.look().catch((error: unknown) => log.error({ err: error }, 'the node could not be looked at'))
    }
  }

  /** Looks now, or waits for who is looking; gives what was seen. The board is as that says. */
  look(): Promise<Observation> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  async #look(): Promise<Observation> {
    const seen = await observe(this.#deps, this.#clocks)
    for (const change of this.board.take(seen)) tell(this.#deps.log, change)
    return seen
  }
}

function tell(log: Log, { type, alarm }: AlarmChange): void {
  const { code, about, severity, text, subscriber } = alarm
  const fields = { alarm: code, about, severity, text, ...(subscriber ? { subscriber } : {}) }
  if (type === 'alarm.cleared') log.info(fields, 'an alarm is over')
  else if (severity === 'critical') log.error(fields, 'an alarm')
  else log.warn(fields, 'an alarm')
}

async function observe(deps: WatchDeps, clocks: ClockWatch): Promise<Observation> {
  const { host, switch: callSwitch, clock, directory } = deps
  const orNull = <T>(asked: Promise<T>): Promise<T | null> => asked.catch(() => null)
  const [node, channels, agents, status, metrics, trunks, resources, tolls, balances, disk, unpriced] = await Promise.all([
    orNull(host.call('status', {}, WITHIN)),
    orNull(host.call('channel.list', {}, WITHIN)),
    orNull(host.call('agent.list', {}, WITHIN)),
    orNull(callSwitch.call('status', {}, WITHIN)),
    orNull(callSwitch.call('metrics', {}, WITHIN)),
    orNull(callSwitch.call('trunk.state', {}, WITHIN)),
    orNull(callSwitch.call('resource.list', {}, WITHIN)),
    orNull(callSwitch.call('toll.list', {}, WITHIN)),
    orNull(callSwitch.call('balance.list', {}, WITHIN)),
    orNull(statfs(directory)),
    orNull(deps.unpriced()),
  ])
  const { database, host: hasHost, switch: hasSwitch } = deps.health()
  const snapshot = deps.snapshot()
  const names = new Map(
    [...(snapshot?.trunks ?? []), ...(snapshot?.subscribers ?? [])].map(({ id, name }) => [id as string, name]),
  )
  return {
    parts: { database, host: hasHost, switch: hasSwitch },
    processes: node?.processes ?? null,
    ...{ channels, agents, resources, trunks, tolls, balances },
    failedDeploys: snapshot && failedDeploysOf(snapshot),
    lagMs: status?.lagMs ?? null,
    journal: metrics && journalOf(metrics),
    disk: disk && { freeBytes: disk.bavail * disk.bsize, wholeBytes: disk.blocks * disk.bsize },
    certificates: node && snapshot && certificatesOf(snapshot, node.sipTls),
    unpriced,
    clockJumpMs: clocks.look(clock.now(), clock.wall()),
    wall: clock.wall(),
    nameOf: (id) => names.get(id) ?? id,
  }
}

function journalOf(metrics: readonly Metric[]): Observation['journal'] {
  const value = (name: string) => metrics.find((metric) => metric.name === name)?.samples[0]?.value ?? 0
  return {
    diskFull: value('tieline_journal_disk_full') > 0,
    lost: value('tieline_journal_lost_records_total'),
    unshipped: value('tieline_journal_unshipped_records'),
  }
}

function failedDeploysOf({ subscribers }: Snapshot): Observation['failedDeploys'] {
  return subscribers.flatMap(({ id, agent: { failed } }) => (failed ? [{ subscriber: id, reason: failed.reason }] : []))
}

function certificatesOf({ ca, switchCertificate, subscribers, trunks }: Snapshot, sipTls?: SipTlsStatus) {
  const named: [about: string, pem: string, fault?: string | null | undefined][] = [
    ['the platform', ca],
    ['the switch', switchCertificate.certificate],
    ...subscribers.map(({ name, agent }) => [`agent ${name}`, agent.certificate] as [string, string]),
    ...subscribers.map(({ name, site }) => [`site ${name}`, site.tls?.certificate ?? ''] as [string, string]),
    ...subscribers.map(({ name, site }) => [`the PBX of ${name}`, site.pbx?.tls?.certificate ?? ''] as [string, string]),
    ...trunks.map(({ name, tls }) => [`trunk ${name}`, tls?.certificate ?? ''] as [string, string]),
    ['SIP over TLS', sipTls?.certificate ?? '', sipTls?.fault],
  ]
  return named.flatMap(([about, pem, fault]) => {
    const expiresAt = expiryOf(pem)
    return expiresAt === null ? [] : [{ about, expiresAt, ...(fault ? { fault } : {}) }]
  })
}
