import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleep, until } from '../test/peer/clock.ts'

/** tcpdump on loopback: the kernel's own time stamps of what went in and what came out. */
export class Capture {
  readonly #file: string
  readonly #child: ChildProcess

  private constructor(file: string, child: ChildProcess) {
    this.#file = file
    this.#child = child
  }

  static async start(directory: string, address: string): Promise<Capture> {
    const file = join(directory, 'invites.pcap')
    const filter = `udp and host ${address} and udp[8:4] = 0x494e5649` // INVI
    const args = ['-i', 'lo', '-w', file, '-U', '-s', '600', '-Z', 'root', '--time-stamp-precision', 'nano', filter]
    const child = spawn('tcpdump', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += chunk
    })
    await until('tcpdump', () => said.includes('listening on'), 5000)
    return new Capture(file, child)
  }

  /** Ms from each INVITE's way in to the INVITE that it led to, known by its caller's number; sorted. */
  async stop(address: string): Promise<number[]> {
    await sleep(1500) // the kernel hands packets over in blocks
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGTERM')
    await gone
    const arrived = new Map<string, number>()
    const delays: number[] = []
    for (const { at, source, text } of packets(readFileSync(this.#file))) {
      const caller = /^(?:From|f):[^\n]*?sip:(\+\d+)@/im.exec(text)?.[1]
      if (!caller) continue
      const since = arrived.get(caller)
      if (source !== address) {
        if (since === undefined) arrived.set(caller, at)
      } else if (since !== undefined) {
        delays.push(at - since)
        arrived.delete(caller)
      }
    }
    return delays.sort((a, b) => a - b)
  }
}

/** The UDP datagrams of a capture on an Ethernet-like interface, IPv4. */
function* packets(bytes: Buffer): Generator<{ at: number; source: string; text: string }> {
  const nano = bytes.readUInt32LE(0) === 0xa1b23c4d
  for (let i = 24; i + 16 <= bytes.length; ) {
    const at = bytes.readUInt32LE(i) * 1000 + bytes.readUInt32LE(i + 4) / (nano ? 1e6 : 1e3)
    const length = bytes.readUInt32LE(i + 8)
    const packet = bytes.subarray(i + 16, i + 16 + length)
    i += 16 + length
    const ip = packet.subarray(14)
    const header = (ip[0]! & 15) * 4
    yield { at, source: [...ip.subarray(12, 16)].join('.'), text: ip.subarray(header + 8).toString('latin1') }
  }
}
