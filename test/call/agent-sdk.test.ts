import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import tls from 'node:tls'
import { pathToFileURL } from 'node:url'
import { type Id, newId, silentLog, TielineError } from '#lib/index.ts'
import { createAgentGateway } from '#platform/agent/index.ts'
import type { CallCause, OfferedCall, Refusal } from '#platform/words/index.ts'
import type * as Sdk from '../../sdk/src/index.ts'
import { createTestCa } from './agent-ca.ts'
import { installSdk, type Test, until, type Verb } from './agent-world.ts'

/** The SDK as its users have it: installed by npm from the packed tarball. */
let sdk: typeof Sdk
const folder = mkdtempSync(join(tmpdir(), 'tl-sdk-'))
before(async () => {
  installSdk(folder)
  sdk = await import(pathToFileURL(join(folder, 'node_modules/@tieline/agent/index.js')).href)
})
after(() => rmSync(folder, { recursive: true }))

const HANGUP = { by: 'caller', reason: 'hangup' } as const

async function running(t: Test, program: Sdk.AgentProgram | Sdk.Agent, onVerb: Verb = () => null) {
  const directory = mkdtempSync(join(tmpdir(), 'tl-sdk-'))
  const stack = new AsyncDisposableStack()
  t.after(() => stack.disposeAsync())
  stack.defer(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'agents/link.sock')
  const ca = await createTestCa()
  const acme = newId('sub')
  const own = await ca.agent(acme)
  const fingerprint = new X509Certificate(own.certificate).fingerprint256
  const states: string[] = []
  const open = async () =>
    createAgentGateway({
      path,
      log: silentLog,
      ...(await ca.switch()),
      ca: ca.certificate,
      isCurrent: (_subscriber, f) => f === fingerprint,
      onVerb: async (subscriber, method, params, signal) => (await onVerb(subscriber, method, params, signal)) as never,
      onState: (_subscriber, state) => states.push(state),
    })
  let gateway = await open()
  stack.defer(() => gateway.close())
  const session = ('start' in program ? program : sdk.agent(program)).start({
    connect: () => tls.connect({ path, cert: own.certificate, key: own.key, ca: ca.certificate, servername: 'switch.tieline' }),
    facts: { version: 'agt_1', startedAt: 1 },
    reconnect: { firstMs: 5, maxMs: 20 },
  })
  stack.defer(() => session.close())
  await until('the agent is connected', () => gateway.connected(acme))
  const offer = (kind: 'offered' | 'resumed' = 'offered') => {
    const call = newId('call')
    const offered: OfferedCall = {
      call,
      from: { number: '+3225550101' },
      to: { number: '+3225550199' },
      anonymous: false,
      deadlineMs: 2000,
    }
    return { call, done: gateway.offer(acme, kind, offered), end: () => gateway.ended(acme, call, HANGUP) }
  }
  const reopen = async () => {
    await gateway.close()
    gateway = await open()
  }
  return {
    acme,
    session,
    offer,
    reopen,
    states,
    ended: (call: Id<'call'>, cause: CallCause) => gateway.ended(acme, call, cause),
    digit: (call: Id<'call'>, d: string) => gateway.digit(acme, call, d),
    connected: () => gateway.connected(acme),
  }
}

test('every verb says to the switch what its arguments mean', async (t) => {
  const verbs: unknown[] = []
  const program = {
    async call(call: Sdk.Call) {
      await call.ring()
      await call.answer()
      await call.play('welcome.wav', { loop: 2 })
      await call.play({ tone: [{ frequencies: [425], onMs: 200, offMs: 200 }], totalMs: 1000 }, { early: true })
      await call.say('Hello', { language: 'en' })
      await call.gather({ say: 'Press one', maxDigits: 1, timeout: 5, interDigitTimeout: 2 })
      await call.record({ maxSeconds: 60, beep: true })
      await call.dial({ pbx: '101' }, { via: 'trunk', timeout: 20 })
      await call.reject({ status: 486 })
      await call.hangup()
    },
  }
  const w = await running(t, program, (_s, method, { call: _, ...params }) => void verbs.push([method, params]))
  assert.deepEqual(await w.offer().done, { outcome: 'returned' })
  assert.deepEqual(verbs, [
    ['call.ring', {}],
    ['call.answer', {}],
    ['call.play', { file: 'welcome.wav', loop: 2 }],
    ['call.play', { tone: [{ frequencies: [425], onMs: 200, offMs: 200 }], totalMs: 1000, early: true }],
    ['call.say', { text: 'Hello', language: 'en' }],
    ['call.gather', { say: 'Press one', maxDigits: 1, timeoutSeconds: 5, interDigitTimeoutSeconds: 2 }],
    ['call.record', { maxSeconds: 60, beep: true }],
    ['call.dial', { target: { pbx: '101' }, via: 'trunk', timeoutSeconds: 20 }],
    ['call.reject', { status: 486 }],
    ['call.hangup', {}],
  ])
})

test('the verbs of conferences, recordings and prompts say what their arguments mean, and wrong ones are told', async (t) => {
  const verbs: unknown[] = []
  const other = `call_${'0'.repeat(32)}`
  const wrong: unknown[] = []
  const program = {
    async call(call: Sdk.Call) {
      await call.play(['a.wav', { signal: 'busy', country: 'be' }, { text: 'Bye' }], { offsetMs: 500, loop: 0 })
      await call.pausePlay()
      await call.resumePlay()
      await call.conference('sales', { muted: true, moderator: true })
      await call.seat({ muted: false, coach: { id: other } })
      await call.seat({ coach: null })
      await call.announce({ text: 'Closing' }, { language: 'en' })
      await call.leave()
      await call.pauseRecording()
      await call.resumeRecording()
      await call.dial({ pbx: '101' }, { record: 'stereo', ring: 'music.wav' })
      for (const bad of [
        () => call.play([]),
        () => call.play([{ file: 'a.wav', text: 'both' } as never]),
        () => call.play({ signal: 'busy', country: 'atlantis' }),
        () => call.announce({} as never),
        () => call.conference(''),
        () => call.seat({ coach: { id: 'nobody' } }),
        () => call.dial({ pbx: '101' }, { record: 'left' as never }),
      ])
        wrong.push(await bad().catch((error) => error instanceof sdk.InvalidArgument))
    },
  }
  const w = await running(t, program, (_s, method, { call: _, ...params }) => void verbs.push([method, params]))
  assert.deepEqual(await w.offer().done, { outcome: 'returned' })
  assert.deepEqual(verbs, [
    ['call.play', { list: [{ file: 'a.wav' }, { signal: 'busy', country: 'be' }, { text: 'Bye' }], offsetMs: 500, loop: 0 }],
    ['call.pausePlay', { paused: true }],
    ['call.pausePlay', { paused: false }],
    ['call.conference', { room: 'sales', muted: true, moderator: true }],
    ['call.seat', { muted: false, coach: other }],
    ['call.seat', { coach: 'none' }],
    ['call.announce', { text: 'Closing', language: 'en' }],
    ['call.leave', {}],
    ['call.pauseRecording', { paused: true }],
    ['call.pauseRecording', { paused: false }],
    ['call.dial', { target: { pbx: '101' }, record: 'stereo', ring: { file: 'music.wav' } }],
  ])
  assert.deepEqual(
    wrong,
    Array.from({ length: 7 }, () => true),
  )
})

test('the verbs of call control say what their arguments mean, and wrong ones are told', async (t) => {
  const verbs: unknown[] = []
  const other = `call_${'0'.repeat(32)}`
  const wrong: unknown[] = []
  const told: unknown[] = []
  const program = {
    async call(call: Sdk.Call) {
      told.push(call.splitFrom)
      await call.hold({ party: 'dialled', music: 'music.wav' })
      await call.hold()
      await call.retrieve({ party: 'dialled' })
      await call.consult({ pbx: '102' }, { timeout: 20, music: { signal: 'ringback' } })
      await call.complete()
      await call.join({ id: other })
      told.push(await call.split())
      told.push(await call.park('*701', { timeout: 60, music: 'music.wav' }))
      await call.pickUp('701')
      await call.pickUp({ user: '101' })
      await call.pickUp({ call: other })
      for (const bad of [
        () => call.hold({ party: 'agent' as never }),
        () => call.hold({ music: { file: 'a.wav', text: 'both' } as never }),
        () => call.consult({} as never),
        () => call.join({ id: 'nobody' }),
        () => call.park('lobby'),
        () => call.pickUp(''),
        () => call.pickUp({ leg: '1' }),
        () => call.pickUp({ user: '101', leg: `leg_${'0'.repeat(32)}` } as never),
      ])
        wrong.push(await bad().catch((error) => error instanceof sdk.InvalidArgument))
    },
  }
  const w = await running(t, program, (_s, method, { call: _, ...params }) => {
    verbs.push([method, params])
    return method === 'call.split' ? { call: other } : null
  })
  assert.deepEqual(await w.offer().done, { outcome: 'returned' })
  assert.deepEqual(verbs, [
    ['call.hold', { party: 'dialled', music: { file: 'music.wav' } }],
    ['call.hold', {}],
    ['call.retrieve', { party: 'dialled' }],
    ['call.consult', { target: { pbx: '102' }, timeoutSeconds: 20, music: { signal: 'ringback' } }],
    ['call.complete', {}],
    ['call.join', { other }],
    ['call.split', {}],
    ['call.park', { slot: '*701', timeoutSeconds: 60, music: { file: 'music.wav' } }],
    ['call.pickUp', { slot: '701' }],
    ['call.pickUp', { user: '101' }],
    ['call.pickUp', { other }],
  ])
  assert.deepEqual(told, [undefined, other, { reason: 'parked', durationSeconds: 0 }])
  assert.deepEqual(wrong, Array(8).fill(true))
})

test('a verb sent 0 to 50 ms after the end gives CallGone, hangup does nothing, and the agent lives (C04)', async (t) => {
  const seen: string[] = []
  let finished = 0
  const program = {
    async call(call: Sdk.Call) {
      await new Promise((resolve) => call.on('digit', resolve))
      await new Promise((resolve) => setTimeout(resolve, (finished * 7) % 51))
      const verbs: (() => Promise<unknown>)[] = [
        () => call.answer(),
        () => call.say('x'),
        () => call.dial({ pbx: '101' }),
        () => call.gather(),
        () => call.record(),
        () => call.reject(),
        () => call.play('x'),
        () => call.hold(),
        () => call.retrieve(),
        () => call.consult({ pbx: '101' }),
        () => call.complete(),
        () => call.join(call),
        () => call.split(),
        () => call.park('701'),
        () => call.pickUp('701'),
        () => call.transfer({ pbx: '101' }),
      ]
      for (const verb of verbs) await verb().catch((e) => seen.push(e instanceof sdk.CallGone ? 'gone' : String(e)))
      await call.hangup()
      finished++
    },
  }
  const w = await running(t, program)
  for (let i = 0; i < 30; i++) {
    const { call, done, end } = w.offer()
    w.digit(call, '1')
    end()
    await done
  }
  assert.equal(finished, 30)
  assert.deepEqual([...new Set(seen)], ['gone'])
  assert.equal(seen.length, 30 * 16)
  assert.equal(w.session.calls, 0)
})

test('a verb in flight when the call ends rejects with CallGone, and its signal has aborted', async (t) => {
  let error: unknown
  let aborted = false
  const program = {
    async call(call: Sdk.Call) {
      call.signal.addEventListener('abort', () => {
        aborted = true
      })
      await call.dial({ pbx: '101' }).catch((e) => {
        error = e
        throw e
      })
    },
  }
  const w = await running(t, program, () => new Promise(() => undefined))
  const { done, end } = w.offer()
  await until('the call is taken', () => w.session.calls === 1)
  end()
  assert.deepEqual(await done, { outcome: 'returned' }, 'that the caller hung up is no fault of the program')
  assert.ok(error instanceof sdk.CallGone && aborted)
})

test('a verb that hears of the end before the call does is no fault of the program; its error leads to the program’s line', async (t) => {
  const errors: Error[] = []
  const program = {
    async call(call: Sdk.Call) {
      await call.dial({ pbx: '101' }).catch((e) => {
        errors.push(e)
        throw e
      })
    },
  }
  const gone = { code: 'call-gone', fault: 'caller', retry: false, http: 410 } as const
  const w = await running(t, program, () => Promise.reject(new TielineError('the call is over', gone)))
  assert.deepEqual(await w.offer().done, { outcome: 'returned' })
  assert.match(errors[0]!.stack!, /^CallGone: the call is gone\n +at .*dial.*\n +at .*agent-sdk\.test\.ts:\d+/)
  assert.doesNotMatch(errors[0]!.stack!, /settle|receive|Socket/)
})

test('each call is told its end exactly once, whatever the end (C13)', async (t) => {
  const ends: string[] = []
  const program = {
    async call(call: Sdk.Call) {
      call.on('ended', (cause) => ends.push(cause.reason))
      if (call.from.number === 'never') await new Promise(() => undefined)
    },
  }
  const w = await running(t, program)
  for (let i = 0; i < 40; i++) {
    const { done, end } = w.offer()
    if (i % 2) await done
    end()
    end()
  }
  const up = Array.from({ length: 10 }, () => w.offer())
  await Promise.allSettled(up.map((c) => c.done))
  await until('forty have ended', () => ends.length === 40)
  await w.reopen()
  await until('all have ended', () => ends.length === 50)
  assert.deepEqual([ends.filter((e) => e === 'hangup').length, ends.filter((e) => e === 'link-lost').length], [40, 10])
})

test('refused resources, wrong arguments and other failures have types of their own', async (t) => {
  const refusal: Refusal = {
    kind: 'voice.record',
    limitedBy: 'ceiling',
    limit: 1,
    inUse: 1,
    requested: 1,
    holders: [],
    fault: 'subscriber',
  }
  const errors: unknown[] = []
  const program = {
    async call(call: Sdk.Call) {
      await call.record().catch((e) => errors.push(e))
      await call.gather({ maxDigits: -1 }).catch((e) => errors.push(e))
      await call.say('x').catch((e) => errors.push(e))
    },
  }
  const w = await running(t, program, (_s, method) => {
    const verdict = { code: 'resource-unavailable', fault: 'subscriber', retry: true, http: 429 } as const
    if (method === 'call.record') throw new TielineError('no voice.record left', verdict, { refusal })
    throw new TielineError('the engine is gone', { code: 'verb-failed', fault: 'system', retry: true, http: 503 })
  })
  await w.offer().done
  const [refused, invalid, failed] = errors as Sdk.ResourceUnavailable[]
  assert.ok(refused instanceof sdk.ResourceUnavailable)
  assert.deepEqual(refused.refusal, refusal)
  assert.ok(invalid instanceof sdk.InvalidArgument)
  assert.match((invalid as Error).message, /maxDigits is a whole number from 1 to 64/)
  assert.ok(failed instanceof sdk.VerbError)
  assert.equal((failed as Sdk.VerbError).code, 'verb-failed')
})

test('when the switch restarts, verbs reject with Interrupted, and resumed calls come back to the agent', async (t) => {
  const seen: string[] = []
  const program = {
    async call(call: Sdk.Call) {
      await call.say('long').catch((e) => seen.push(e.name))
    },
    async resumed(call: Sdk.Call) {
      seen.push('resumed')
      await call.hangup()
    },
  }
  const w = await running(t, program, (_s, method) => (method === 'call.say' ? new Promise(() => undefined) : null))
  const offered = assert.rejects(w.offer().done)
  await until('the call is taken', () => w.session.calls === 1)
  await w.reopen()
  await offered
  await until('it is connected again', () => w.connected())
  assert.deepEqual(await w.offer('resumed').done, { outcome: 'returned' })
  assert.deepEqual(seen, ['Interrupted', 'resumed'])
})

test('a program that throws, or takes no calls up again, says so to the switch', async (t) => {
  const w = await running(t, {
    call() {
      throw new Error('no database')
    },
  })
  t.after(
    (
      (error) => () =>
        Object.assign(console, { error })
    )(console.error),
  )
  console.error = () => undefined
  assert.deepEqual(await w.offer().done, { outcome: 'threw', message: 'no database' })
  assert.deepEqual(await w.offer('resumed').done, { outcome: 'threw', message: 'the agent takes no calls up again' })
})

test('an agent is drained when its calls are over and their functions have returned', async (t) => {
  let finish = () => {}
  const w = await running(t, {
    call: () =>
      new Promise<void>((resolve) => {
        finish = resolve
      }),
  })
  const { done, end } = w.offer()
  await until('the call is taken', () => w.session.calls === 1)
  let drained = false
  void w.session.drained().then(() => {
    drained = true
  })
  end()
  await until('the end is heard', () => w.session.calls === 0)
  assert.equal(drained, false)
  finish()
  await done
  await until('it is drained', () => drained)
})

test('C05 C13 a call that the program has placed has its id before it exists, and its end is told once, also where it was never given to it', async (t) => {
  const ended: Sdk.MadeCall[] = []
  const program = { call() {}, ended: (made: Sdk.MadeCall) => void ended.push(made) }
  const agent = sdk.agent(program)
  const asked: Id<'call'>[] = []
  const busy = { by: 'callee', reason: 'busy', sip: 486 } as const
  const w = await running(t, agent, async (_subscriber, method, params) => {
    assert.equal(method, 'call.make')
    asked.push(params.call)
    if (asked.length === 3) throw new TielineError('no way', { code: 'verb-failed', fault: 'caller', retry: false, http: 502 })
    // The end of the second overtakes the answer that it is being called.
    if (asked.length === 2) w.ended(params.call, busy)
    return { call: params.call }
  })
  const offered = w.offer()
  await offered.done
  offered.end()
  const first = await agent.makeCall({ pbx: '101' }, 'agent')
  assert.deepEqual([first, ended.length], [asked[0], 0])
  w.ended(asked[0]!, HANGUP)
  w.ended(asked[0]!, HANGUP)
  const second = await agent.makeCall({ pbx: '102' }, { number: '+3225550101' })
  await until('both to be told', () => ended.length === 2)
  assert.deepEqual(ended, [
    { call: first, cause: HANGUP },
    { call: second, cause: busy },
  ])
  await assert.rejects(agent.makeCall({ pbx: '103' }, 'agent'), sdk.VerbError)
  w.ended(asked[2]!, HANGUP)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(ended.length, 2, 'neither what could not be placed nor what came in')
})
