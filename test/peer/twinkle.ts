import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TwinkleOptions {
  /** Of SIP, by UDP, at all addresses; RTP is a thousand above. */
  port: number
  user: string
  register: { at: string; password: string }
  /** Reliable ringing (RFC 3262). Default `supported`. */
  reliable?: 'required' | 'supported'
}

/** Debian's Twinkle as a telephone that answers by itself and does what it is told. It has no sound: that needs a clock of a card. */
export class Twinkle implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #home: string
  #said = ''

  private constructor(child: ChildProcess, home: string) {
    this.#child = child
    this.#home = home
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (this.#said += chunk))
    this.command('auto_answer -a on')
  }

  static start({ port, user, register, reliable = 'supported' }: TwinkleOptions): Twinkle {
    const home = mkdtempSync(join(tmpdir(), 'tl-twinkle-'))
    mkdirSync(join(home, '.twinkle'), { mode: 0o700 })
    const write = (name: string, values: Record<string, string | number>) =>
      writeFileSync(
        join(home, '.twinkle', name),
        Object.entries(values)
          .map(([key, value]) => `${key}=${value}\n`)
          .join(''),
      )
    write('own.cfg', {
      ...{ user_name: user, user_domain: register.at, registrar: register.at, register_at_startup: 'yes' },
      ...{ auth_name: user, auth_pass: register.password, codecs: 'g711u', ext_100rel: reliable },
    })
    write('twinkle.sys', {
      ...{ dev_ringtone: 'alsa:null', dev_speaker: 'alsa:null', dev_mic: 'alsa:null', validate_audio_dev: 'no' },
      ...{ play_ringtone: 'no', play_ringback: 'no', sip_udp_port: port, rtp_port: port + 1000, start_user_profile: 'own' },
    })
    const env = { ...process.env, HOME: home }
    return new Twinkle(spawn('twinkle-console', [], { stdio: ['pipe', 'pipe', 'pipe'], env, cwd: home }), home)
  }

  /** All that it printed. */
  get said(): string {
    return this.#said
  }

  /** One of its commands, such as `call`, `hold`, `retrieve`, `dtmf`, `transfer`, `bye`. */
  command(text: string): void {
    this.#child.stdin!.write(`${text}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit')
      this.command('quit')
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3000)
      await exited
      clearTimeout(timer)
    }
    rmSync(this.#home, { recursive: true, force: true })
  }
}
