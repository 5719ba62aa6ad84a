import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Heard, RATE, recognise, Tone } from './audio/tone.ts'
import { until } from './clock.ts'

/** Debian's baresip as a telephone that answers by itself, sends a tone, and writes down what it hears. */
export class Baresip implements AsyncDisposable {
  #child: ChildProcess
  #directory: string
  #said = ''

  private constructor(child: ChildProcess, directory: string) {
    this.#child = child
    this.#directory = directory
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        this.#said = (this.#said + chunk).slice(-8000)
      })
  }

  /** `enter` leads into a namespace; `tone` is in Hz. */
  static async start(options: {
    address: string
    port: number
    user: string
    tone: number
    /** SRTP by SDP: never without it, or as the far end likes. */
    srtp?: 'required' | 'offered'
    enter?: readonly string[]
    /** Registers there, with digest, every minute. */
    register?: { at: string; password: string }
  }): Promise<Baresip> {
    const directory = mkdtempSync(join(tmpdir(), 'tl-baresip-'))
    const { address, port, user } = options
    writeFileSync(join(directory, 'tone.wav'), toWav(new Tone(options.tone).next(20 * RATE)))
    writeFileSync(
      join(directory, 'config'),
      [
        `sip_listen ${address}:${port}`,
        'module_path /usr/lib/baresip/modules',
        ...['g711', 'aufile', 'sndfile', 'srtp'].map((module) => `module ${module}.so`),
        ...['account', 'menu'].map((module) => `module_app ${module}.so`),
        `audio_source aufile,${directory}/tone.wav`,
        `snd_path ${directory}`,
        ...(options.srtp ? [`net_interface ${address}`] : []),
        'rtp_ports 30000-30998',
        '',
      ].join('\n'),
    )
    const { register } = options
    const own = register
      ? `<sip:${user}@${register.at};transport=udp>;auth_user=${user};auth_pass=${register.password};regint=60`
      : `<sip:${user}@${address}:${port};transport=udp>;regint=0`
    const account = `${own};answermode=auto;audio_codecs=PCMU,PCMA\n`
    writeFileSync(join(directory, 'accounts'), account)
    if (options.srtp) writeFileSync(join(directory, 'accounts'), `${account.trimEnd()}${encryption(options.srtp)}\n`)
    const [program, ...args] = [...(options.enter ?? []), 'baresip', '-4', '-f', directory]
    const telephone = new Baresip(spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true }), directory)
    await until('baresip to be ready', () => telephone.#said.includes('baresip is ready'), 10_000)
    return telephone
  }

  /** What it heard, 100 ms each, of all its calls so far. Complete when the call is over. */
  heard(watched: readonly number[]): Heard[] {
    const files = readdirSync(this.#directory).filter((name) => name.endsWith('dec.wav'))
    return files.flatMap((name) =>
      windows(readFileSync(join(this.#directory, name))).map((samples) => recognise(samples, watched)),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3000)
      await exited
      clearTimeout(timer)
    }
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** A WAV file of 16-bit mono samples at 8 kHz. */
function toWav(samples: Int16Array): Buffer {
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.writeUInt32LE(36 + samples.byteLength, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(RATE, 24)
  head.writeUInt32LE(2 * RATE, 28)
  head.writeUInt16LE(2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36)
  head.writeUInt32LE(samples.byteLength, 40)
  return Buffer.concat([head, Buffer.from(samples.buffer)])
}

function windows(wav: Buffer): Int16Array[] {
  const at = wav.indexOf('data') + 8
  const samples = new Int16Array(wav.buffer.slice(wav.byteOffset + at, wav.byteOffset + wav.length - ((wav.length - at) % 2)))
  const found: Int16Array[] = []
  for (let i = 0; i + 800 <= samples.length; i += 800) found.push(samples.subarray(i, i + 800))
  return found
}

function encryption(srtp: 'required' | 'offered'): string {
  return `;mediaenc=${srtp === 'required' ? 'srtp-mand' : 'srtp'}`
}
