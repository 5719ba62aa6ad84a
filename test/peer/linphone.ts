import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Heard, RATE, recognise, Tone } from './audio/tone.ts'
import { toWav, windows } from './audio/wav.ts'

export interface LinphoneOptions {
  address: string
  /** Of SIP, by whatever transport. */
  port: number
  user: string
  /** Hz that it sends. */
  tone: number
  register: { at: string; password: string; transport?: 'udp' | 'tls'; ca?: string }
  /** What it speaks, as `mime/rate`. Default `PCMU/8000`. */
  codecs?: readonly string[]
  /** SRTP by SDP, and never without it. */
  srtp?: boolean
  /** Asks for a session timer of so many seconds. */
  sessionSeconds?: number
}

/** Debian's linphonec as a telephone that answers by itself, sends a tone, does what it is told, and writes down what it hears. */
export class Linphone implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #directory: string
  #said = ''

  private constructor(child: ChildProcess, directory: string) {
    this.#child = child
    this.#directory = directory
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (this.#said += chunk))
  }

  /** Resolves when it takes commands. */
  static async start(options: LinphoneOptions): Promise<Linphone> {
    const directory = mkdtempSync(join(tmpdir(), 'tl-linphone-'))
    writeFileSync(join(directory, 'tone.wav'), toWav(new Tone(options.tone).next(20 * RATE)))
    if (options.register.ca) writeFileSync(join(directory, 'ca.pem'), options.register.ca)
    writeFileSync(join(directory, 'linphonerc'), configuration(options, directory))
    const args = ['-c', join(directory, 'linphonerc'), '-a', '-d', '6', '-l', join(directory, 'log')]
    for (const place of ['.local/share/linphone', '.config/linphone']) mkdirSync(join(directory, place), { recursive: true })
    // What it keeps of its calls and contacts goes away with it.
    const env = { ...process.env, HOME: directory }
    const telephone = new Linphone(spawn('linphonec', args, { stdio: ['pipe', 'pipe', 'pipe'], env, cwd: directory }), directory)
    try {
      telephone.command('soundcard use files')
      telephone.command(`play ${join(directory, 'tone.wav')}`)
      telephone.command(`record ${join(directory, 'heard.wav')}`)
      return telephone
    } catch (error) {
      await telephone[Symbol.asyncDispose]()
      throw error
    }
  }

  /** All that it printed. */
  get said(): string {
    return this.#said
  }

  /** All that it has written down for who looks for a fault; '' before it has begun. */
  get log(): string {
    const file = join(this.#directory, 'log')
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }

  /** One of its commands, such as `call`, `pause`, `resume`, `transfer`, `terminate`; a digit alone is a key. */
  command(text: string): void {
    this.#child.stdin!.write(`${text}\n`)
  }

  /** What it heard in its last call, 100 ms each. Nothing before that is over. */
  heard(watched: readonly number[]): Heard[] {
    const file = join(this.#directory, 'heard.wav')
    const wav = existsSync(file) ? readFileSync(file) : Buffer.alloc(0)
    // The head is written at the end.
    return wav.includes('data') ? windows(wav).map((samples) => recognise(samples, watched)) : []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit')
      this.command('quit')
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3000)
      await exited
      clearTimeout(timer)
    }
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

function configuration(options: LinphoneOptions, directory: string): string {
  const { address, port, user, register, codecs = ['PCMU/8000'], srtp, sessionSeconds } = options
  const { transport = 'udp' } = register
  const known = ['opus/48000/2', 'PCMU/8000', 'PCMA/8000', 'G722/8000', 'speex/8000', 'speex/16000', 'speex/32000', 'GSM/8000']
  const sections: [string, Record<string, string | number>][] = [
    [
      'sip',
      {
        ...{ sip_port: transport === 'udp' ? port : 0, sip_tcp_port: 0, sip_tls_port: transport === 'tls' ? port : 0 },
        ...{ bind_address: address, use_rfc2833: 1, use_info: 0, register_only_when_network_is_up: 0, default_proxy: 0 },
        ...{ media_encryption: srtp ? 'srtp' : 'none', media_encryption_mandatory: srtp ? 1 : 0, guess_hostname: 1 },
        ...(sessionSeconds ? { session_expires_enabled: 1, session_expires_value: sessionSeconds } : {}),
        ...(register.ca ? { root_ca: join(directory, 'ca.pem'), verify_server_certs: 1, verify_server_cn: 1 } : {}),
      },
    ],
    ['net', { firewall_policy: 0, stun_server: '' }],
    ['misc', { version_check_url_root: '', uuid: '', config_migration_required: 0 }],
    ['sound', { echocancellation: 0, remote_ring: '', local_ring: '' }],
    ['video', { enabled: 0, capture: 0, display: 0 }],
    ['auth_info_0', { username: user, passwd: register.password }],
    [
      'proxy_0',
      {
        reg_proxy: `<sip:${register.at};transport=${transport}>`,
        reg_identity: `sip:${user}@${register.at.split(':')[0]}`,
        ...{ reg_expires: 60, reg_sendregister: 1, publish: 0 },
      },
    ],
    ...known.map((codec, n): [string, Record<string, string | number>] => {
      const [mime, rate, channels = 1] = codec.split('/')
      const enabled = codecs.some((wanted) => codec.startsWith(wanted)) ? 1 : 0
      return [`audio_codec_${n}`, { mime: mime!, rate: rate!, channels, enabled }]
    }),
  ]
  return sections
    .map(
      ([name, values]) =>
        `[${name}]\n${Object.entries(values)
          .map(([key, value]) => `${key}=${value}\n`)
          .join('')}`,
    )
    .join('\n')
}
