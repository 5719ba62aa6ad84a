import { join } from 'node:path'
import tls from 'node:tls'
import { type Id, silentLog } from '#lib/index.ts'
import { type AgentMethods, type AgentNotifications, LINKS, type OfferedCall, type VerbMethods } from '#platform/words/index.ts'
import { connectLink, type LinkClient } from '#protocol/link/index.ts'
import type { World } from './harness.ts'

type AgentLink = { answers: AgentMethods; calls: VerbMethods; hears: AgentNotifications }
type Params<V extends keyof VerbMethods> = Omit<VerbMethods[V]['params'], 'call'>

/** A call as a test's program commands it. */
export interface Commanded {
  offered: OfferedCall
  resumed: boolean
  do<V extends keyof VerbMethods>(verb: V, params: Params<V>): Promise<VerbMethods[V]['result']>
}

/** A subscriber's program: connects to the switch over TLS with its certificate, and decides over calls as the test says. */
export class Program implements Disposable {
  readonly ended: AgentNotifications['call.ended'][] = []
  readonly digits: string[] = []
  readonly partials: string[] = []
  readonly amds: AgentNotifications['call.amd'][] = []
  readonly progress: AgentNotifications['call.progress'][] = []
  readonly #link: LinkClient<AgentLink>

  private constructor(
    link: LinkClient<AgentLink>,
    take: (handle: (call: OfferedCall, resumed: boolean) => Promise<void>) => void,
    decide: (call: Commanded) => Promise<void>,
  ) {
    this.#link = link
    take(async (offered, resumed) => {
      await decide({
        offered,
        resumed,
        do: (verb, params) => this.#link.call(verb, { ...params, call: offered.call } as never) as Promise<never>,
      })
    })
  }

  static async connect(world: World, decide: (call: Commanded) => Promise<void>): Promise<Program> {
    const { certificate, key } = await world.ca.agent(world.acme)
    await world.change({ agent: { ...world.snapshot.subscribers[0]!.agent, certificate } })
    let handle: (call: OfferedCall, resumed: boolean) => Promise<void> = async () => {}
    const answer = async (call: OfferedCall, resumed: boolean): Promise<{ outcome: 'returned' | 'threw'; message?: string }> => {
      try {
        await handle(call, resumed)
        return { outcome: 'returned' }
      } catch (error) {
        return { outcome: 'threw', message: String(error) }
      }
    }
    const notes = {
      ended: [] as AgentNotifications['call.ended'][],
      digits: [] as string[],
      partials: [] as string[],
      amds: [] as AgentNotifications['call.amd'][],
      progress: [] as AgentNotifications['call.progress'][],
    }
    const link = connectLink<AgentLink>({
      connect: () =>
        new Promise((resolve, reject) => {
          const socket = tls.connect(
            {
              path: join(world.run, LINKS.agents),
              cert: certificate,
              key,
              ca: world.ca.certificate,
              servername: 'switch.tieline',
            },
            () => resolve(socket),
          )
          socket.once('error', reject)
        }),
      hello: { process: 'agent', version: 1, facts: { version: 'agt_test', startedAt: Date.now() } },
      log: silentLog,
      reconnect: { firstMs: 10, maxMs: 50 },
      methods: {
        'call.offered': (call) => answer(call, false),
        'call.resumed': (call) => answer(call, true),
      },
      onNotification: {
        'call.ended': (ended) => void notes.ended.push(ended),
        'call.digit': ({ digit }) => void notes.digits.push(digit),
        'call.amd': (verdict) => void notes.amds.push(verdict),
        'call.progress': (progress) => void notes.progress.push(progress),
        'call.partial': ({ text }) => void notes.partials.push(text),
      },
    })
    const program = new Program(link, (run) => (handle = run), decide)
    Object.assign(program, notes)
    world.defer(() => link.close())
    await link.ready(5000)
    return program
  }

  /** Dies, as a killed process does. */
  [Symbol.dispose](): void {
    this.#link.close()
  }
}

/** The ids of calls in events, for a test to look at one alone. */
export type CallId = Id<'call'>
