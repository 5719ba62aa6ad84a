import { fork } from 'node:child_process'
import { join } from 'node:path'
import { fuzzed, openFuzzWorld, traffic } from '../test/call/fuzz.ts'
import type { World } from '../test/call/harness.ts'
import type { Extent, Figure } from './figure.ts'
import type { ParserOrders, ParserResult } from './fuzz-parser.ts'

const PER_SECOND = 1000
/** Longer than this at one message or one question is no time but a hang. */
const HANG_MS = 1000

/** Mutations of real traffic (PITFALLS F12) against the parser and against a running switch; `--minutes 60` for an hour. */
export async function measure({ minutes = 1 }: Extent = {}): Promise<Figure[]> {
  const seed = Date.now() % 1_000_000
  process.stderr.write(`fuzz: seed ${seed}\n`)
  await using world = await openFuzzWorld()
  const ms = minutes * 60_000
  const seeds = await traffic(world)
  const [parser, sockets] = await Promise.all([
    parsed(world, { seeds, ms, seed }),
    fuzzed(world, { ms, perSecond: PER_SECOND, seed }),
  ])
  for (const line of parser.thrown) process.stderr.write(`fuzz: ${line}\n`)
  const harmless = await world.quiet(60_000).then(
    () => true,
    () => false,
  )
  const figure = (name: string, value: number, unit: string): Figure => ({
    ...{ name: `fuzz: ${name}`, value, unit, must: null, aim: null, better: 'lower', peer: null },
  })
  const must = (name: string, value: number, unit: string): Figure => ({
    ...figure(name, value, unit),
    must: 0,
    broken: value > 0,
  })
  const more = (name: string, value: number, unit: string): Figure => ({ ...figure(name, value, unit), better: 'higher' })
  return [
    more('messages that were parsed', parser.messages, 'messages'),
    must('errors that are none of the grammar', parser.thrown.length, 'errors'),
    { ...figure('slowest message', parser.slowestMs, 'ms'), must: HANG_MS, broken: parser.slowestMs > HANG_MS },
    more('datagrams to the switch', sockets.datagrams, 'messages'),
    more('connections to the switch', sockets.streams, 'connections'),
    more('RTP and RTCP to voice', sockets.packets, 'packets'),
    {
      ...figure('slowest answer of the switch on its link', sockets.slowestMs, 'ms'),
      must: HANG_MS,
      broken: sockets.slowestMs > 10 * HANG_MS,
    },
    must('processes that have ended', sockets.ended.length, 'processes'),
    must('calls beside it that were not answered', sockets.unanswered, `of ${sockets.calls}`),
    must('calls or leases left after a minute', harmless ? 0 : 1, 'faults'),
  ]
}

function parsed(world: World, orders: ParserOrders): Promise<ParserResult> {
  const child = fork(join(import.meta.dirname, 'fuzz-parser.ts'), { execArgv: [] })
  world.defer(() => void child.kill('SIGKILL'))
  child.send(orders)
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('the parser hangs')), orders.ms + 30_000)
    child.once('message', (result: ParserResult) => resolve(result))
    child.once('exit', (code) => {
      clearTimeout(late)
      reject(new Error(`the parser ended with ${code}`))
    })
  })
}

if (import.meta.main) for (const figure of await measure()) process.stdout.write(`${JSON.stringify(figure)}\n`)
