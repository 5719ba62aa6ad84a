import { type ChildProcess, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Namespace } from '../world/namespace.ts'

export interface CrowdOrder {
  from: string
  /** `address:port`. */
  to: string
  number: string
  calls: number
  /** Calls that begin in a second. */
  rate: number
  /** How long one that was answered is up, ms. */
  upMs: number
}

/** SIPp's own scenarios in a namespace of the world, as the callers and as those who answer; it counts by itself what it sees. */
export class SippCrowd implements AsyncDisposable {
  readonly #space: Namespace
  readonly #directory: string
  readonly #running: ChildProcess[] = []

  constructor(space: Namespace, directory: string) {
    this.#space = space
    this.#directory = join(directory, 'sipp')
    mkdirSync(this.#directory)
    const { stdout } = spawnSync('sipp', ['-sd', 'uac'], { encoding: 'utf8' })
    // Each caller has a number of its own, whose last digit comes round.
    writeFileSync(join(this.#directory, 'uac.xml'), stdout.replaceAll('<sip:sipp@', '<sip:+32470[call_number]@'))
  }

  /** Answers whoever calls there. */
  answer(address: string): void {
    this.#sipp(['-sn', 'uas', '-i', address, '-p', '5060'])
  }

  /** Resolves with SIPp's counts when all calls are over. */
  async call({ from, to, number, calls, rate, upMs }: CrowdOrder): Promise<{ successful: number; failed: number }> {
    const counts = ['-trace_stat', '-fd', '200ms', '-stf', this.#statistics]
    const load = ['-r', String(rate), '-m', String(calls), '-l', String(calls), '-d', String(upMs), '-timeout', '60s']
    const child = this.#sipp([
      '-sf',
      join(this.#directory, 'uac.xml'),
      '-i',
      from,
      '-p',
      '5060',
      '-s',
      number,
      ...load,
      ...counts,
      to,
    ])
    await once(child, 'exit')
    const { successful, failed } = this.#counts()
    return { successful, failed }
  }

  /** What SIPp counts at this moment. */
  async current(): Promise<{ up: number; successful: number; failed: number }> {
    return this.#counts()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#running) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
  }

  get #statistics(): string {
    return join(this.#directory, 'statistics.csv')
  }

  #sipp(args: string[]): ChildProcess {
    const child = this.#space.spawn(['sipp', ...args, '-nostdin', '-aa'], { cwd: this.#directory })
    for (const stream of [child.stdout!, child.stderr!]) stream.resume()
    this.#running.push(child)
    return child
  }

  /** The last line of the statistics, by the names in their first one. */
  #counts(): { up: number; successful: number; failed: number } {
    if (!existsSync(this.#statistics)) throw new Error('SIPp has counted nothing yet')
    const lines = readFileSync(this.#statistics, 'utf8').trimEnd().split('\n')
    const names = lines[0]!.split(';')
    const last = lines.at(-1)!.split(';')
    const of = (name: string) => Number(last[names.indexOf(name)])
    return { up: of('CurrentCall'), successful: of('SuccessfulCall(C)'), failed: of('FailedCall(C)') }
  }
}
