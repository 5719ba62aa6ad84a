import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import type { World } from '../call/harness.ts'
import { until } from '../peer/clock.ts'
import { readPcap } from '../world/pcap.ts'

/** Sent when all is over. */
const MARK = 'that was all'

/** A SIP message as it went over UDP. */
export interface Sent {
  from: string
  to: string
  octets: Buffer
}

/** All SIP that goes over UDP in a world, as the kernel has it. */
export class Wire implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #file: string
  /** Where nobody is. */
  readonly #address: string

  private constructor(child: ChildProcess, file: string, address: string) {
    this.#child = child
    this.#file = file
    this.#address = address
  }

  /** Resolves when no later message is missed. */
  static async open(world: World): Promise<Wire> {
    const file = join(world.directory, 'sip.pcap')
    // Each packet takes as much of the buffer as the longest one may.
    const options = ['-i', 'any', '-n', '-s', '9000', '-U', '--immediate-mode', '-B', '32768', '-Z', 'root', '-w', file]
    const child = spawn('tcpdump', [...options, `udp port 5060 and net ${world.net}.0/24`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (chunk) => (said += chunk))
    await until('tcpdump to listen', () => said.includes('listening on'), 5000)
    return new Wire(child, file, `${world.net}.250`)
  }

  /** What went until now, in order; what only keeps a way open is left out. Ends the capture. */
  async messages(): Promise<Sent[]> {
    const mark = createSocket('udp4')
    mark.send(MARK, 5060, this.#address)
    await until('all to be captured', () => this.#packets().some(({ payload }) => String(payload) === MARK), 5000, 50)
    mark.close()
    await this[Symbol.asyncDispose]()
    const messages = this.#packets().filter(({ payload }) => !['', MARK].includes(String(payload).trim()))
    return messages.map(({ source, destination, payload }) => ({ from: source, to: destination, octets: payload }))
  }

  /** Each once, though on the loopback it goes out and comes in. */
  #packets() {
    return [...readPcap(this.#file)].filter(({ way }) => way === 'in')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGINT')
    await exited
  }
}
