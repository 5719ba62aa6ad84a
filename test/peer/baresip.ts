import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Heard, RATE, recognise, Tone } from './audio/tone.ts'
import { toWav, windows } from './audio/wav.ts'
import { until } from './clock.ts'
import { hostText } from './sip/message.ts'

export interface BaresipOptions {
  address: string
  port: number
  user: string
  /** Hz that it sends. */
  tone: number
  /** SRTP by SDP: never without it, or as the far end likes. */
  srtp?: 'required' | 'offered'
  /** What it speaks, as it writes it: `opus/48000/2`. Default G.711. */
  codecs?: readonly string[]
  /** Leads into a namespace. */
  enter?: readonly string[]
  /** Registers there, with digest, every minute. */
  register?: { at: string; password: string }
  /** Speaks SIP over TLS, one port above, with this certificate, and takes only what this CA has signed. PEM. */
  tls?: { certificate: string; key: string; ca: string }
  /** Speaks SIP over TCP; default UDP, or TLS where that is said. */
  tcp?: boolean
  /** Takes commands at this TCP port of its address. */
  controlPort?: number
}

/** Debian's baresip as a telephone that answers by itself, sends a tone, does what it is told, and writes down what it hears. */
export class Baresip implements AsyncDisposable {
  #child: ChildProcess
  #directory: string
  #said = ''
  #control: Socket | null = null
  /** What it has told of its calls, such as `CALL_ESTABLISHED`, oldest first. */
  readonly events: string[] = []

  private constructor(child: ChildProcess, directory: string) {
    this.#child = child
    this.#directory = directory
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        this.#said = (this.#said + chunk).slice(-8000)
      })
  }

  static async start(options: BaresipOptions): Promise<Baresip> {
    const directory = mkdtempSync(join(tmpdir(), 'tl-baresip-'))
    writeFileSync(join(directory, 'tone.wav'), toWav(new Tone(options.tone).next(20 * RATE)))
    const { tls } = options
    if (tls) {
      writeFileSync(join(directory, 'certificate.pem'), `${tls.certificate}\n${tls.key}\n`)
      writeFileSync(join(directory, 'ca.pem'), `${tls.ca}\n`)
    }
    writeFileSync(join(directory, 'config'), configuration(options, directory))
    writeFileSync(join(directory, 'accounts'), account(options))
    const [program, ...args] = [...(options.enter ?? []), 'baresip', options.address.includes(':') ? '-6' : '-4', '-f', directory]
    const telephone = new Baresip(spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true }), directory)
    try {
      await until('baresip to be ready', () => telephone.#said.includes('baresip is ready'), 10_000)
      if (options.controlPort) await telephone.#connect(options.address, options.controlPort)
      return telephone
    } catch (error) {
      await telephone[Symbol.asyncDispose]()
      throw error
    }
  }

  /** What it printed last, for who looks for a fault. */
  get said(): string {
    return this.#said
  }

  /** One of its commands, such as `dial`, `hold`, `resume`, `transfer`, `hangup`. */
  command(command: string, params = ''): void {
    const text = JSON.stringify({ command, params, token: command })
    this.#control!.write(`${text.length}:${text},`)
  }

  async #connect(host: string, port: number): Promise<void> {
    const socket = connect({ host, port })
    this.#control = socket
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
      // Netstrings: a length, a colon, so many characters, a comma.
      for (;;) {
        const [head, length] = /^(\d+):/.exec(text) ?? []
        const end = (head?.length ?? 0) + Number(length) + 1
        if (!head || text.length < end) return
        const told = JSON.parse(text.slice(head.length, end - 1)) as { event?: boolean; type?: string }
        if (told.event && told.type) this.events.push(told.type)
        text = text.slice(end)
      }
    })
    socket.on('error', () => {})
    await once(socket, 'connect')
  }

  /** What it heard, 100 ms each, of all its calls so far. Complete when the call is over. */
  heard(watched: readonly number[]): Heard[] {
    const files = readdirSync(this.#directory).filter((name) => name.endsWith('dec.wav'))
    return files.flatMap((name) =>
      windows(readFileSync(join(this.#directory, name))).map((samples) => recognise(samples, watched)),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#control?.destroy()
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

function configuration(options: BaresipOptions, directory: string): string {
  const { address, port, tls, controlPort } = options
  const lines = [
    `sip_listen ${hostText(address)}:${port}`,
    'module_path /usr/lib/baresip/modules',
    ...['g711', 'g722', 'opus', 'l16', 'aufile', 'sndfile', 'srtp'].map((module) => `module ${module}.so`),
    ...['account', 'menu', ...(controlPort ? ['ctrl_tcp'] : [])].map((module) => `module_app ${module}.so`),
    `audio_source aufile,${directory}/tone.wav`,
    // The tone's own rate, whatever its codec wants.
    `ausrc_srate ${RATE}`,
    'ausrc_channels 1',
    `snd_path ${directory}`,
    'rtp_ports 30000-30998',
  ]
  // Its RTP leaves from the address of an interface, whatever it is bound to.
  if (address === '127.0.0.1') lines.push(`net_interface ${address}`)
  if (tls) lines.push(`sip_certificate ${directory}/certificate.pem`, `sip_cafile ${directory}/ca.pem`)
  if (controlPort) lines.push(`ctrl_tcp_listen ${address}:${controlPort}`)
  return `${lines.join('\n')}\n`
}

function account({ user, address, port, register, srtp, tls, tcp, codecs = ['PCMU', 'PCMA'] }: BaresipOptions): string {
  const transport = tls ? 'tls' : tcp ? 'tcp' : 'udp'
  const own = register
    ? `<sip:${user}@${register.at};transport=${transport}>;auth_user=${user};auth_pass=${register.password};regint=60`
    : `<sip:${user}@${hostText(address)}:${tls ? port + 1 : port};transport=${transport}>;regint=0`
  const encryption = srtp ? `;mediaenc=${srtp === 'required' ? 'srtp-mand' : 'srtp'}` : ''
  return `${own};answermode=auto;audio_codecs=${codecs.join(',')}${encryption}\n`
}
