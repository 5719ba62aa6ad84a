import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import { Call } from '../../sdk/src/call.ts'
import { CallGone, Interrupted, type VerbError } from '../../sdk/src/error.ts'
import type { Commander } from '../../sdk/src/verbs.ts'

const HANGUP = { by: 'caller', reason: 'hangup' } as const

function taken(command: Commander['command'] = () => new Promise(() => {})): Call {
  const party = { number: '+3225550101' }
  const offered = { call: newId('call'), from: party, to: party, anonymous: false, deadlineMs: 2000 }
  return new Call(offered, { command, audio: () => assert.fail() })
}

/** What a verb rejects with that is under way as its call ends. */
async function gone(): Promise<VerbError> {
  const call = taken()
  const dialling = call.dial({ pbx: '101' })
  call._end(HANGUP)
  return await dialling.then(
    () => assert.fail(),
    (error) => error,
  )
}

test('the signal of a call that is over has aborted, with the reason, when it is first asked for then', () => {
  const call = taken()
  call._end(HANGUP)
  assert.ok(call.signal.aborted && call.signal.reason instanceof CallGone)
  assert.equal(call.signal, call.signal)
  const lost = taken()
  lost._end({ by: 'switch', reason: 'link-lost' }, () => new Interrupted())
  assert.ok(lost.signal.reason instanceof Interrupted)
})

test('the error of a verb leads to the program’s line, also where stacks are cut short or are no text', async (t) => {
  const { stackTraceLimit, prepareStackTrace } = Error
  t.after(() => Object.assign(Error, { stackTraceLimit, prepareStackTrace }))
  const error = await gone()
  assert.ok(error instanceof CallGone)
  assert.match(error.stack!, /^CallGone: the call is gone\n +at .*dial.*\n +at gone .*agent-ended\.test\.ts:\d+/)
  error.stack = 'another'
  assert.equal(error.stack, 'another')
  Error.stackTraceLimit = 0
  assert.equal((await gone()).stack, 'CallGone: the call is gone')
  Error.stackTraceLimit = 10
  const structured = await gone()
  Error.prepareStackTrace = (_, sites) => sites
  assert.match(structured.stack!, /^CallGone: the call is gone/)
})
