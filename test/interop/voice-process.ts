import { type ChildProcess, fork } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '#lib/index.ts'
import { loadLibc, Sockets } from '#platform/channel/index.ts'
import {
  type HostMethods,
  LINKS,
  type PlatformConfig,
  type Realm,
  type StartMessage,
  type VoiceMethods,
  type VoiceNotifications,
} from '#platform/words/index.ts'
import { connectLink, type LinkClient, type LinkServer, serveLink } from '#protocol/link/index.ts'

export type SwitchEnd = { calls: VoiceMethods; hears: VoiceNotifications }
type HostEnd = { answers: HostMethods }
type Told = { [N in keyof VoiceNotifications]: { name: N; params: VoiceNotifications[N] } }[keyof VoiceNotifications]

/** The real voice process, with a host that opens sockets on loopback: every realm has an address of its own there. */
export class VoiceProcess implements AsyncDisposable {
  readonly directory: string
  readonly child: ChildProcess
  readonly exited: Promise<number | null>
  /** Everything that voice said unasked. */
  readonly told: Told[] = []
  /** Sockets that host was asked for. */
  opened = 0
  readonly #sockets = new Sockets(loadLibc())
  #host: LinkServer<HostEnd> | undefined
  #link: LinkClient<SwitchEnd> | undefined

  private constructor(directory: string, ports: { first: number; last: number }, more: Partial<PlatformConfig>) {
    this.directory = directory
    this.child = fork(join(import.meta.dirname, '../../src/main/voice.ts'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.exited = new Promise((resolve) => this.child.once('exit', (code) => resolve(code)))
    const start: StartMessage['start'] = {
      config: {
        ...{ media: { address: addressOf('node'), ports }, voice: { processes: 1 }, log: { level: 'warn' }, ...more },
      } as PlatformConfig,
      directory,
      run: directory,
      index: 0,
    }
    this.child.send({ start } satisfies StartMessage)
  }

  /** Starts the process and connects to it as a switch. `ports` are of loopback, outside the ephemeral range. */
  static async start(ports = { first: 21_000, last: 21_999 }, more: Partial<PlatformConfig> = {}): Promise<VoiceProcess> {
    const voice = new VoiceProcess(mkdtempSync(join(tmpdir(), 'voice-')), ports, more)
    try {
      voice.#host = await serveLink<HostEnd>({
        path: join(voice.directory, LINKS.host),
        hello: { process: 'host', version: 1 },
        log: silentLog,
        methods: { 'socket.open': (params: { realm: Realm; port: number }) => voice.#open(params) } as never,
      })
      voice.#link = voice.connect()
      await voice.#link.ready(30_000)
      return voice
    } catch (error) {
      await voice[Symbol.asyncDispose]()
      throw error
    }
  }

  get pid(): number {
    return this.child.pid!
  }

  /** One more switch. */
  connect(): LinkClient<SwitchEnd> {
    return connectLink<SwitchEnd>({
      path: join(this.directory, LINKS.voice(0)),
      hello: { process: 'switch', version: 1 },
      log: silentLog,
      onNotification: {
        digit: (params) => this.told.push({ name: 'digit', params }),
        speaking: (params) => this.told.push({ name: 'speaking', params }),
        media: (params) => this.told.push({ name: 'media', params }),
      },
    })
  }

  call<M extends keyof VoiceMethods>(method: M, params: VoiceMethods[M]['params']): Promise<VoiceMethods[M]['result']> {
    return this.#link!.call(method, params as never) as Promise<VoiceMethods[M]['result']>
  }

  /** The switch dies: its link ends. */
  async loseSwitch(): Promise<void> {
    this.#link?.close()
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM')
    return this.exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#link?.close()
    const killer = setTimeout(() => this.child.kill('SIGKILL'), 5000)
    await this.stop()
    clearTimeout(killer)
    await this.#host?.close()
    rmSync(this.directory, { recursive: true, force: true })
  }

  async #open({ realm, port }: { realm: Realm; port: number }): Promise<{ id: string; address: string; port: number }> {
    const request = { realm, namespace: null, purpose: 'rtp', address: addressOf(realm), port } as const
    const handover = await this.#sockets.open(request, this.child)
    this.opened++
    return handover
  }
}

/** A corner of the loopback for this process alone, so that files may run side by side. */
const NET = `127.${randomInt(10, 250)}.${randomInt(0, 250)}`

/** Where voice stands in a realm: one address for the node's, subscribers' are told apart by their last two digits. */
export function addressOf(realm: Realm): string {
  return realm === 'node' ? `${NET}.254` : `${NET}.${(Number.parseInt(realm.slice(-2), 16) % 250) + 1}`
}
