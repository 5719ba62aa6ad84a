import type { VerbMethods } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import type { OutgoingCall } from '../peer/sip/outgoing.ts'
import type { PlaceOptions, Rule } from '../peer/sip/rule.ts'
import type { World } from './harness.ts'
import type { CallId, Commanded } from './program.ts'

/** One call and its end. Its caller, its extension and its slot are its own, so that many run at once. */
export interface Ending {
  name: string
  /** Who ends the call, and why: `callee busy`. */
  call: string
  /** The same of its dialled legs, in the order in which they end. */
  legs?: string[]
  /** What the extension does; default: it answers. */
  does?: Partial<Rule>
  place?: Partial<PlaceOptions>
  /** What the agent does; default: it dials the extension. */
  agent?(call: Commanded, scene: Scene): Promise<void>
  /** What happens once the call is there. */
  act?(scene: Scene): Promise<void>
}

export class Scene {
  readonly number: string
  readonly extension: string
  readonly slot: string
  caller!: OutgoingCall
  id: CallId | null = null

  readonly world: World

  constructor(world: World, index: number) {
    this.world = world
    this.number = `+32470${String(100_000 + index)}`
    this.extension = String(3000 + index)
    this.slot = `*${3000 + index}`
  }

  /** The telephone at an extension, talking: the caller's answer says that the switch knows of it too. */
  async phone(extension = this.extension): Promise<Call> {
    const there = () => this.world.pbx.calls.find((c) => c.phase === 'up' && c.called === extension)
    const call = await until(`a call at ${extension}`, there, 8000)
    await until('the caller to be answered', () => this.caller.phase === 'up', 8000)
    return call
  }

  get rings(): boolean {
    return this.world.pbx.calls.some((call) => call.called === this.extension)
  }

  async known(): Promise<CallId> {
    return await until('the call', () => this.id, 8000)
  }

  async kill(): Promise<void> {
    await this.world.link.call('call.kill', { call: await this.known() })
  }
}

/** Dials the extension. Whoever does something meanwhile may be late to hear that the call is over: no harm is in that. */
export const dial = (call: Commanded, scene: Scene, more: Partial<VerbMethods['call.dial']['params']> = {}) => {
  const dialled = call.do('call.dial', { target: { pbx: scene.extension }, ...more })
  dialled.catch(() => {})
  return dialled
}
const play = (call: Commanded) => call.do('call.play', { tone: [{ frequencies: [700], onMs: 1000, offMs: 0 }], totalMs: 30_000 })
const refused = (does: number, call: string): Ending => ({
  name: `the extension says ${does}`,
  does: { does },
  call,
  legs: [call],
})
/** Waits until they talk, and does something then. */
const talking = (run: (scene: Scene, phone: Call) => unknown) => async (scene: Scene) => {
  await run(scene, await scene.phone())
}
const HANGS_UP = talking(({ caller }) => caller.hangup())

/** Every way in which a call ends that needs neither a long time nor the death of a process. */
export const ENDINGS: Ending[] = [
  { name: 'the caller hangs up', call: 'caller hangup', legs: ['caller hangup'], act: HANGS_UP },
  {
    name: 'the callee hangs up',
    call: 'agent agent-returned',
    legs: ['callee hangup'],
    act: talking((_, phone) => phone.hangup()),
  },
  {
    name: 'the caller gives up while it rings',
    does: { does: 'ring' },
    call: 'caller cancelled',
    legs: ['caller cancelled'],
    place: { cancelAfterMs: 1500 },
  },
  {
    name: 'the caller gives up while its agent thinks',
    call: 'caller cancelled',
    place: { cancelAfterMs: 100 },
    agent: async (_, scene) => void (await until('its end', () => scene.caller.phase === 'ended', 8000)),
  },
  ...(
    [
      [486, 'busy'],
      [600, 'busy-everywhere'],
      [480, 'unavailable'],
      [404, 'unallocated'],
      [403, 'forbidden'],
      [410, 'moved'],
    ] as const
  ).map(([does, why]) => refused(does, `callee ${why}`)),
  ...(
    [
      [484, 'incomplete-number'],
      [488, 'not-acceptable'],
      [501, 'not-implemented'],
      [302, 'redirected'],
      [500, 'temporary-failure'],
    ] as const
  ).map(([does, why]) => refused(does, `callee ${why}`)),
  ...(
    [
      [603, 'declined'],
      [482, 'loop'],
      [483, 'too-many-hops'],
      [420, 'interworking'],
      [502, 'no-trunk'],
    ] as const
  ).map(([does, why]) => refused(does, `callee ${why}`)),
  {
    name: 'nobody answers in time',
    does: { does: 'ring' },
    call: 'switch no-answer',
    legs: ['switch no-answer'],
    agent: async (call, scene) => void (await dial(call, scene, { timeoutSeconds: 0.3 })),
  },
  { name: 'the agent rejects', call: 'agent rejected', agent: async (call) => void (await call.do('call.reject', {})) },
  {
    name: 'the agent answers and hangs up',
    call: 'agent hangup',
    agent: async (call) => {
      await call.do('call.answer', {})
      await call.do('call.hangup', {})
    },
  },
  {
    name: 'the agent hangs up while it rings',
    does: { does: 'ring' },
    call: 'agent rejected',
    legs: ['agent rejected'],
    agent: async (call, scene) => {
      const dialled = dial(call, scene).catch(() => {})
      await until('ringing', () => scene.rings, 8000)
      await call.do('call.hangup', {})
      await dialled
    },
  },
  {
    name: 'the program has finished behind a prompt',
    call: 'agent agent-returned',
    agent: async (call) => void (await call.do('call.play', { tone: [{ frequencies: [700], onMs: 50, offMs: 0 }] })),
  },
  {
    name: 'the caller hangs up in a prompt',
    call: 'caller hangup',
    agent: async (call) => void (await play(call)),
    act: async ({ caller }) => {
      await until('an answer', () => caller.phase === 'up', 8000)
      caller.hangup()
    },
  },
  {
    name: 'the caller hangs up in a conference',
    call: 'caller hangup',
    agent: async (call, scene) => void (await call.do('call.conference', { room: scene.slot })),
    act: async ({ caller }) => {
      await until('an answer', () => caller.phase === 'up', 8000)
      caller.hangup()
    },
  },
  {
    name: 'no such telephone',
    call: 'switch unavailable',
    agent: async (call) => void (await call.do('call.dial', { target: { user: 'nobody' } })),
  },
  {
    name: 'no such trunk',
    call: 'switch no-trunk',
    agent: async (call) => void (await call.do('call.dial', { target: { trunk: 'none', number: '+32470' } })),
  },
  {
    name: 'no number that could be dialled',
    call: 'switch incomplete-number',
    agent: async (call) => void (await call.do('call.dial', { target: { pbx: 'a"b' } })),
  },
  {
    name: 'a caller id of somebody else',
    call: 'switch caller-id',
    agent: async (call) => void (await call.do('call.dial', { target: { number: '+32470999999' }, callerId: '+32470888888' })),
  },
  {
    name: 'killed while its agent thinks',
    call: 'operator killed',
    agent: async (_, scene) => void (await until('its end', () => scene.caller.phase === 'ended', 8000)),
    act: (scene) => scene.kill(),
  },
  {
    name: 'killed while it rings',
    does: { does: 'ring' },
    call: 'operator killed',
    legs: ['operator killed'],
    act: async (scene) => {
      await until('ringing', () => scene.rings, 8000)
      await scene.kill()
    },
  },
  {
    name: 'killed in a prompt',
    call: 'operator killed',
    agent: async (call) => void (await play(call)),
    act: async (scene) => {
      await until('an answer', () => scene.caller.phase === 'up', 8000)
      await scene.kill()
    },
  },
  {
    name: 'killed while both talk, who both ignore BYE',
    call: 'operator killed',
    legs: ['operator killed'],
    does: { ignoreBye: true },
    place: { ignoreBye: true },
    act: talking((scene) => scene.kill()),
  },
  {
    name: 'killed while it is held',
    call: 'operator killed',
    legs: ['operator killed'],
    agent: async (call, scene) => {
      const dialled = dial(call, scene)
      await scene.phone()
      await call.do('call.hold', {})
      await scene.kill()
      await dialled
    },
  },
  {
    name: 'killed while it is parked',
    call: 'operator killed',
    agent: async (call, scene) => {
      const parked = call.do('call.park', { slot: scene.slot })
      await until('an answer', () => scene.caller.phase === 'up', 8000)
      await scene.kill()
      await parked
    },
  },
  {
    name: 'killed while somebody is consulted',
    call: 'operator killed',
    legs: ['operator killed', 'operator killed'],
    agent: async (call, scene) => {
      const dialled = dial(call, scene)
      await scene.phone()
      await call.do('call.consult', { target: { pbx: '2999' } })
      await scene.kill()
      await dialled
    },
  },
  {
    name: 'the caller hangs up while it is held',
    call: 'caller hangup',
    legs: ['caller hangup'],
    agent: async (call, scene) => {
      const dialled = dial(call, scene)
      await scene.phone()
      await call.do('call.hold', {})
      scene.caller.hangup()
      await dialled
    },
  },
  {
    name: 'the callee hangs up while it consults',
    call: 'agent agent-returned',
    legs: ['callee hangup', 'switch consulted'],
    agent: async (call, scene) => {
      const dialled = dial(call, scene)
      const phone = await scene.phone()
      await call.do('call.consult', { target: { pbx: '2999' } })
      phone.hangup()
      await dialled
    },
  },
  {
    name: 'consulted and gone back, then the callee hangs up',
    call: 'agent agent-returned',
    legs: ['agent consulted', 'callee hangup'],
    agent: async (call, scene) => {
      const dialled = dial(call, scene)
      const phone = await scene.phone()
      await call.do('call.consult', { target: { pbx: '2999' } })
      await call.do('call.retrieve', {})
      phone.hangup()
      await dialled
    },
  },
  {
    name: 'transferred behind a consultation',
    call: 'caller hangup',
    legs: ['agent transferred', 'caller hangup'],
    agent: async (call, scene) => {
      const dialled = dial(call, scene)
      const phone = await scene.phone()
      await call.do('call.consult', { target: { pbx: '2999' } })
      await call.do('call.complete', {})
      await until('its end', () => phone.phase === 'ended', 8000)
      scene.caller.hangup()
      await dialled
    },
  },
  {
    name: 'transferred blindly',
    call: 'caller hangup',
    legs: ['switch transferred', 'caller hangup'],
    agent: async (call, scene) => {
      const dialled = dial(call, scene)
      const phone = await scene.phone()
      await call.do('call.transfer', { target: { pbx: '2999' } })
      await until('its end', () => phone.phase === 'ended', 8000)
      scene.caller.hangup()
      await dialled
    },
  },
  {
    name: 'a transfer that fails, then the caller hangs up',
    call: 'caller hangup',
    legs: ['callee busy', 'caller hangup'],
    agent: async (call, scene) => {
      const dialled = dial(call, scene)
      await scene.phone()
      await call.do('call.transfer', { target: { pbx: '2998' } })
      scene.caller.hangup()
      await dialled
    },
  },
  {
    name: 'parked, and nobody comes',
    call: 'agent agent-returned',
    agent: async (call, scene) => void (await call.do('call.park', { slot: scene.slot, timeoutSeconds: 0.1 })),
  },
  {
    name: 'parked, and the caller hangs up',
    call: 'caller hangup',
    agent: async (call, scene) => {
      const parked = call.do('call.park', { slot: scene.slot })
      await until('an answer', () => scene.caller.phase === 'up', 8000)
      scene.caller.hangup()
      await parked
    },
  },
  {
    name: 'split, and the program has finished with both',
    call: 'agent agent-returned',
    agent: async (call, scene) => {
      if (call.offered.split) return
      const dialled = dial(call, scene)
      await scene.phone()
      await call.do('call.split', {})
      await dialled
    },
  },
]
