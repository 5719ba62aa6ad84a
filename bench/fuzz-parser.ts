import { hop, SimulatedNetwork } from '#protocol/sip/simulated-network.ts'
import { fresh } from '../test/call/fuzz.ts'
import { chanceOf, mutate } from '../test/peer/mutate.ts'

export interface ParserOrders {
  seeds: string[]
  ms: number
  seed: number
}

export interface ParserResult {
  messages: number
  /** The longest that one of them took, ms. */
  slowestMs: number
  /** Errors that are none of the grammar's, with the message: the first few. */
  thrown: string[]
}

/** In a process of its own, so that what hangs it is seen from outside. */
process.once('message', ({ seeds, ms, seed }: ParserOrders) => {
  const chance = chanceOf(seed)
  const others = seeds.map((text) => Buffer.from(text, 'latin1'))
  const result: ParserResult = { messages: 0, slowestMs: 0, thrown: [] }
  const end = performance.now() + ms
  while (performance.now() < end && result.thrown.length < 5) {
    const bytes = mutate(fresh(seeds, chance), others, chance)
    const net = new SimulatedNetwork()
    const fail = (error: unknown) => result.thrown.push(`${JSON.stringify(error)} ${bytes.toString('latin1')}`)
    const log = { debug() {}, info() {}, warn() {}, error: fail, child: () => log }
    const begin = performance.now()
    try {
      net.userAgent('192.0.2.5', { log }).receive(bytes, hop('192.0.2.99'))
    } catch (error) {
      fail(String(error))
    }
    result.slowestMs = Math.max(result.slowestMs, performance.now() - begin)
    result.messages += 1
  }
  process.send!(result, () => process.disconnect())
})
