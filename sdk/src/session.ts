import type { Duplex } from 'node:stream'
import { newId } from '#lib/index.ts'
import type { AgentMethods, AgentNotifications, OfferedCall, VerbMethods } from '#platform/words/index.ts'
import { connectLink, type LinkClient } from '#protocol/link/index.ts'
import type { AgentProgram } from './agent.ts'
import { Call } from './call.ts'
import { CallGone, Interrupted, verbError } from './error.ts'
import { listenedFor } from './params.ts'
import type { Destination, MadeCall, MakeCallOptions, Target } from './types.ts'

/** What the platform brings along. */
export interface AgentSurroundings {
  /** Opens a stream to the switch; again at every reconnection. */
  connect(): Duplex | Promise<Duplex>
  /** Opens the audio socket of this name, which lies where the link does. */
  audio?(socket: string): Duplex
  /** Which deployment this is and when it was started, ms since the epoch. */
  facts: { version: string; startedAt: number }
  onState?(state: 'connected' | 'disconnected', reason: string): void
  /** Ms before the first and the longest pause before connecting again. */
  reconnect?: { firstMs: number; maxMs: number }
}

/** The version of the contract with the switch. */
const PROTOCOL = 1

/** The switch is on the same machine, and its calls wait two seconds for their agent when it has been started again. */
const RECONNECT = { firstMs: 50, maxMs: 1000 }

type Types = { answers: AgentMethods; calls: VerbMethods; hears: AgentNotifications }
type Outcome = AgentMethods['call.offered']['result']

/** A running agent: its link and the calls that it has. */
export class AgentSession implements Disposable {
  readonly #program: AgentProgram
  readonly #client: LinkClient<Types>
  readonly #audio: AgentSurroundings['audio']
  readonly #calls = new Map<string, Call>()
  /** Those that the program has placed and that have not ended. */
  readonly #made = new Set<string>()
  #running = 0
  #onDrained: (() => void) | null = null

  constructor(program: AgentProgram, surroundings: AgentSurroundings) {
    this.#program = program
    this.#audio = surroundings.audio?.bind(surroundings)
    const { onState } = surroundings
    this.#client = connectLink<Types>({
      connect: () => surroundings.connect(),
      hello: { process: 'agent', version: PROTOCOL, facts: surroundings.facts },
      log: consoleLog,
      reconnect: surroundings.reconnect ?? RECONNECT,
      methods: {
        'call.offered': (offered) => this.#take(offered, program.call),
        'call.resumed': (offered) => this.#take(offered, program.resumed),
      },
      onNotification: {
        'call.ended': ({ call, cause }) => this.#ended(call, cause),
        'call.amd': ({ call, ...amd }) => this.#calls.get(call)?._amd(amd),
        'call.progress': ({ call, ...progress }) => this.#calls.get(call)?._progress(progress),
        'call.partial': ({ call, text }) => this.#calls.get(call)?._partial(text),
        'call.digit': ({ call, digit }) => this.#calls.get(call)?._digit(digit),
      },
      onConnected: () => onState?.('connected', ''),
      onLost: (lost) => {
        this.#linkLost()
        onState?.('disconnected', lost.reason)
      },
    })
  }

  /** Calls that are up. */
  get calls(): number {
    return this.#calls.size
  }

  /** The program's own call, over the newest link. */
  async makeCall(from: Target, to: Destination, { callerId, timeout, amd, progress }: MakeCallOptions): Promise<string> {
    const { link } = this.#client
    if (!link) throw new Interrupted()
    const given = {
      ...(callerId === undefined ? {} : { callerId }),
      ...(timeout === undefined ? {} : { timeoutSeconds: timeout }),
      ...listenedFor({ amd, progress }),
    }
    const call = newId('call')
    this.#made.add(call)
    try {
      return (await link.call('call.make', { call, from, to, ...given })).call
    } catch (error) {
      this.#made.delete(call)
      throw verbError(error)
    }
  }

  /** Resolves when no call is up and every function for a call has returned. New calls are still taken. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDrained = resolve
      this.#checkDrained()
    })
  }

  close(): void {
    this.#client.close()
    this.#linkLost()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async #take(offered: OfferedCall, run: AgentProgram['resumed']): Promise<Outcome> {
    if (!run) return { outcome: 'threw', message: 'the agent takes no calls up again' }
    // The link that brought the call, and no later one, is where it is commanded.
    const link = this.#client.link
    const command = (method: string, params: object) =>
      link ? link.call(method as 'call.answer', params as never) : Promise.reject(new CallGone())
    const audio = (socket: string) => {
      if (!this.#audio) throw new TypeError('these surroundings have no audio socket')
      return this.#audio(socket)
    }
    const call = new Call(offered, { command, audio })
    this.#calls.set(call.id, call)
    this.#running++
    try {
      await run.call(this.#program, call)
      return { outcome: 'returned' }
    } catch (error) {
      // That the caller has hung up is no fault of the program.
      if (error instanceof CallGone && call._gone) return { outcome: 'returned' }
      console.error(`the function for ${call.id} threw:`, error)
      return { outcome: 'threw', message: error instanceof Error ? error.message : String(error) }
    } finally {
      this.#running--
      this.#checkDrained()
    }
  }

  #ended(id: string, cause: AgentNotifications['call.ended']['cause']): void {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    call?._end(cause)
    if (this.#made.delete(id)) void this.#tellEnded({ call: id, cause })
    this.#checkDrained()
  }

  async #tellEnded(made: MadeCall): Promise<void> {
    try {
      await this.#program.ended?.(made)
    } catch (error) {
      console.error(`the function for the end of ${made.call} threw:`, error)
    }
  }

  /** The calls go on without this agent; the switch may hand one back as resumed. */
  #linkLost(): void {
    const calls = [...this.#calls.values()]
    this.#calls.clear()
    this.#made.clear()
    for (const call of calls) call._end({ by: 'switch', reason: 'link-lost' }, () => new Interrupted())
    this.#checkDrained()
  }

  #checkDrained(): void {
    if (this.#running === 0 && this.#calls.size === 0) this.#onDrained?.()
  }
}

const consoleLog = {
  debug() {},
  info() {},
  warn: (fields: object, sentence: string) => console.warn(sentence, fields),
  error: (fields: object, sentence: string) => console.error(sentence, fields),
  child: () => consoleLog,
}
