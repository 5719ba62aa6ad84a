import net from 'node:net'
import { join } from 'node:path'
import { CallStream } from '../../sdk/src/stream.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, type World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const CALLER = '+3247000001'

/** How often the call has heard the frequency, each 100 ms. */
export const times = (call: Call, hz: number) => (call.report().media?.heard ?? []).filter(({ what }) => what === hz).length

/** A call from the carrier, which sends 400 Hz, as its agent has it. The call is the agent's until `over`. */
export async function inCall(world: World) {
  const got = Promise.withResolvers<Commanded>()
  const over = Promise.withResolvers<void>()
  const program = await Program.connect(world, async (call) => {
    got.resolve(call)
    await over.promise
  })
  const caller = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  const call = await got.promise
  const gone = new AbortController()
  const path = (socket: string) => join(world.run, 'agents', socket)
  const open = async (params: { rateHz?: 8000 | 16_000 | 24_000 | 48_000; hear?: boolean; live?: boolean } = {}) => {
    const opened = await call.do('call.stream', params)
    const stream = new CallStream(net.connect(path(opened.socket)), opened, gone.signal)
    await stream.ready
    return { stream, opened }
  }
  return { caller, call, program, open, path, over: over.resolve }
}

/** Says again what it hears; once, after half a second, it is held up for `stallMs`. */
export async function echo(stream: CallStream, stallMs = 0): Promise<void> {
  let count = 0
  for await (const frame of stream) {
    if (++count === 25 && stallMs > 0) await new Promise((resolve) => setTimeout(resolve, stallMs))
    await stream.write(frame)
  }
}

export const ended = async (world: World) => (await world.events()).filter(({ type }) => type === 'stream.ended')
