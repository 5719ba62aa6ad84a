import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { type Id, newId } from '#lib/index.ts'
import type { EndpointDescription } from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import { VoiceProcess } from '../test/interop/voice-process.ts'
import type { Figure } from './figure.ts'
import { cpuMs } from './process.ts'
import { type Counted, type LoadCommand, type LoadReport, PAYLOAD_TYPES, type Target } from './relay-payloads.ts'
import { Rtpengine } from './relay-rtpengine.ts'

/** Calls at once, and how long each turn of ours and of the peer lasts. */
const CALLS = 100
const WARM_UP_MS = 10_000
const TURN_MS = 5000
const TURNS = 2

/** How long calls are carried before it is looked at what they cost, and how long it is looked at. */
const SETTLE_MS = 5000
const LOOK_MS = 10_000

const OURS = { first: 8000, last: 20_999 }
const THEIRS = { first: 23_000, last: 23_999 }
const NG_PORT = 24_000

export class Load implements Disposable {
  readonly #child: ChildProcess = fork(join(import.meta.dirname, 'relay-load.ts'))

  ask<R extends LoadReport>(command: LoadCommand): Promise<R> {
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error('the load has ended'))
      this.#child.once('exit', onExit)
      this.#child.once('message', (report) => {
        this.#child.off('exit', onExit)
        resolve(report as R)
      })
      this.#child.send(command)
    })
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }
}

export function description(port: number, codec: CodecName = 'PCMU'): EndpointDescription {
  const format = { codec, payloadType: PAYLOAD_TYPES[codec], ptimeMs: 20, telephoneEvent: 101 } as const
  return { transport: 'rtp', remote: { address: '127.0.0.1', port }, send: format, receive: format, direction: 'sendrecv' }
}

/** Joins the far ends two by two; answers with where they send to, in their order. */
export async function relayOurs(
  voice: VoiceProcess,
  ports: number[],
  joined?: (a: Id<'med'>, b: Id<'med'>) => void,
  codecs: readonly [CodecName, CodecName] = ['PCMU', 'PCMU'],
): Promise<Target[]> {
  const targets: Target[] = []
  for (let i = 0; i < ports.length; i += 2) {
    const call = newId('call')
    const endpoints: Id<'med'>[] = []
    for (const [side, port] of ports.slice(i, i + 2).entries()) {
      const endpoint = newId('med')
      targets.push(await voice.call('endpoint.open', { call, endpoint, realm: 'node' }))
      await voice.call('endpoint.describe', { endpoint, description: description(port, codecs[side]) })
      await voice.call('endpoint.watch', { endpoint, timeoutMs: 30_000 })
      endpoints.push(endpoint)
    }
    await voice.call('endpoint.join', { a: endpoints[0]!, b: endpoints[1]! })
    joined?.(endpoints[0]!, endpoints[1]!)
  }
  return targets
}

async function relayTheirs(engine: Rtpengine, ports: number[]): Promise<Target[]> {
  const targets: Target[] = []
  for (let i = 0; i < ports.length; i += 2) {
    const two = await engine.relay(`call${i}`, ports[i]!, ports[i + 1]!)
    targets.push(...two.map((port) => ({ address: '127.0.0.1', port })))
  }
  return targets
}

/** What was carried for a while. */
export interface Carried {
  /** CPU ms for each second of each call, or seat. */
  cpu: number
  /** Frames that a far end has not had, of all. */
  missing: number
}

/** Carries `calls` that are set up for 5 s, and then looks at the next ones. `mute` where the far ends only listen. */
export async function counted(
  load: Load,
  voice: VoiceProcess,
  calls: number,
  how: { endless?: boolean; mute?: boolean } = {},
): Promise<Carried> {
  await load.ask({ runMs: SETTLE_MS, ...how })
  const before = cpuMs([voice.pid])
  const { sent, received, missing } = await load.ask<Counted>({ runMs: LOOK_MS, ...how })
  const cpu = (cpuMs([voice.pid]) - before) / ((calls * LOOK_MS) / 1000)
  // Where each packet has one that answers it, those that nothing came after are known to be lost, too.
  return { cpu, missing: how.endless ? missing : Math.max(missing, sent - received) }
}

interface Measured {
  /** CPU ms for each second of each call. */
  cpu: number
  lost: number
}

async function turn(load: Load, targets: Target[], pid: number, ms: number): Promise<Measured> {
  await load.ask({ aim: targets })
  const before = cpuMs([pid])
  const { sent, received } = await load.ask<Counted>({ runMs: ms })
  return { cpu: (cpuMs([pid]) - before) / ((CALLS * ms) / 1000), lost: Math.max(0, sent - received) }
}

/** So many calls whose two legs have the same codec. */
export async function carry(codec: CodecName, calls: number): Promise<Carried> {
  await using voice = await VoiceProcess.start(OURS)
  using load = new Load()
  const { ports } = await load.ask<{ ports: number[] }>({ open: 2 * calls })
  await load.ask({ speak: ports.map(() => codec) })
  await load.ask({ aim: await relayOurs(voice, ports, undefined, [codec, codec]) })
  return await counted(load, voice, calls)
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
const mean = (values: number[]) => sum(values) / values.length

/** 100 calls relayed by the real voice process: in G.711 turn by turn with Debian's rtpengine, and in Opus. */
export async function measure(): Promise<Figure[]> {
  const beside = await besideRtpengine()
  const { cpu, missing } = await carry('opus', CALLS)
  const figure = { aim: null, better: 'lower', peer: null } as const
  return [
    ...beside,
    { ...figure, name: 'relay of Opus, CPU per call-second', value: cpu, unit: 'ms', must: null },
    { ...figure, name: 'relay of Opus, packets lost', value: missing, unit: 'packets', must: 0 },
  ]
}

async function besideRtpengine(): Promise<Figure[]> {
  await using voice = await VoiceProcess.start(OURS)
  await using engine = await Rtpengine.start(NG_PORT, THEIRS)
  using load = new Load()
  const { ports: ours } = await load.ask<{ ports: number[] }>({ open: 2 * CALLS })
  const ourTargets = await relayOurs(voice, ours)
  const theirTargets = await relayTheirs(engine, ours)
  await turn(load, ourTargets, voice.pid, WARM_UP_MS)
  await turn(load, theirTargets, engine.pid, 2000)
  const measured: { ours: Measured; theirs: Measured }[] = []
  for (let i = 0; i < TURNS; i++) {
    measured.push({
      ours: await turn(load, ourTargets, voice.pid, TURN_MS),
      theirs: await turn(load, theirTargets, engine.pid, TURN_MS),
    })
  }
  const peer = (value: number) => ({ name: 'rtpengine in user space', value })
  return [
    {
      name: 'relay, CPU per call-second',
      value: mean(measured.map((m) => m.ours.cpu)),
      unit: 'ms',
      must: 1.8,
      aim: 0.5,
      better: 'lower',
      peer: peer(mean(measured.map((m) => m.theirs.cpu))),
    },
    {
      name: 'relay, packets lost',
      value: sum(measured.map((m) => m.ours.lost)),
      unit: 'packets',
      must: 0,
      aim: null,
      better: 'lower',
      peer: peer(sum(measured.map((m) => m.theirs.lost))),
    },
  ]
}

if (process.argv[1] === import.meta.filename) {
  for (const { name, value, unit, must, aim, peer } of await measure()) {
    console.log(
      `${name}: ${value.toFixed(3)} ${unit} (must ${must ?? '–'}, aim ${aim ?? '–'}; ${peer?.name} ${peer?.value.toFixed(3)})`,
    )
  }
}
