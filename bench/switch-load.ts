import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface LoadResult {
  calls: number
  failed: number
}

/** Where calls are placed to. */
export interface Switchboard {
  address: string
  port: number
  number: string
}

/**
 * SIPp's own `uac` and `uas` scenarios on loopback addresses: the far ends on both sides of what is measured. Each caller
 * has a number of its own, by which its INVITE is known again on the other side.
 */
export class SippLoad implements Disposable {
  readonly #directory: string
  readonly #caller: string
  readonly #uas: ChildProcess

  constructor(options: { directory: string; caller: string; callee: string }) {
    this.#directory = options.directory
    this.#caller = options.caller
    // It prints the scenario and exits with 99.
    const scenario = spawnSync('sipp', ['-sd', 'uac'], { encoding: 'utf8' }).stdout
    writeFileSync(join(this.#directory, 'uac.xml'), scenario.replaceAll('<sip:sipp@', '<sip:+32470[call_number]@'))
    const args = ['-sn', 'uas', '-i', options.callee, '-p', '5060', '-nostdin', '-rtp_echo', '-aa']
    this.#uas = spawn('sipp', args, { cwd: this.#directory, stdio: 'ignore' })
  }

  /** Places `calls` at `rate` a second to `to`, each hung up `upMs` after it was answered. */
  async run(to: Switchboard, rate: number, calls: number, upMs = 200): Promise<LoadResult> {
    const seconds = Math.ceil(calls / rate + upMs / 1000) + 30
    const args = ['-sf', join(this.#directory, 'uac.xml'), '-i', this.#caller, '-p', '5060', '-s', to.number, '-d', `${upMs}`]
    args.push('-r', `${rate}`, '-m', `${calls}`, '-l', `${calls}`, '-nostdin', '-aa', '-timeout', `${seconds}s`)
    args.push('-trace_stat', '-fd', '1', '-stf', join(this.#directory, 'stat.csv'), `${to.address}:${to.port}`)
    const child = spawn('sipp', args, { cwd: this.#directory, stdio: 'ignore' })
    const code = await new Promise<number | null>((resolve) => child.once('exit', resolve))
    // SIPp exits with 1 when a call has failed; its last line of statistics says how many.
    const failed = code === 0 ? 0 : this.#failed()
    return { calls, failed }
  }

  #failed(): number {
    const text = execFileSync('tail', ['-n', '1', join(this.#directory, 'stat.csv')], { encoding: 'utf8' })
    const head = execFileSync('head', ['-n', '1', join(this.#directory, 'stat.csv')], { encoding: 'utf8' })
    const column = head.split(';').indexOf('FailedCall(C)')
    return Number(text.split(';')[column] ?? Number.NaN)
  }

  [Symbol.dispose](): void {
    this.#uas.kill('SIGKILL')
  }
}
