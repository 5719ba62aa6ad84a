import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { headerOf, type Message } from '../peer/sip/message.ts'
import { DID, World } from './harness.ts'
import { TURNED, turn } from './turned-clock.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

for (const [refresher, seconds, reason] of [
  // RFC 4028 §10: 90 s, less the 30 s that are left for a BYE.
  ['uac', 60, 'session-expired'],
  // Half of it, and then 64*T1 without an answer.
  ['uas', 77, 'dialog-gone'],
] as const)
  test(`S31 B06 a caller that is silently gone, where ${refresher === 'uac' ? 'it' : 'the switch'} refreshes: both legs get BYE, and it is paid for until it was last there`, async () => {
    await using world = await World.open(TURNED)
    world.second.rules = [{ user: '*', does: 'answer', ringMs: 10 }]
    const headers: [string, string][] = [
      ['Supported', 'timer'],
      ['Session-Expires', `90;refresher=${refresher}`],
    ]
    const heard: Message[] = []
    world.carrier.socket.onHeard = (message) => void heard.push(message)
    const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID, headers })
    await until('an answer', () => call.phase === 'up', 4000)
    const other = await until('the other leg', () => world.second.calls.find(({ phase }) => phase === 'up'), 3000)
    await pause(50)
    world.carrier.socket.onRequest = () => {}
    const after = async (passed: number) => {
      await turn(world, passed)
      await pause(30)
    }
    // Half of the interval first: what is sent then is sent before the end is due.
    await after(45.5)
    assert.equal(heard.filter(({ method }) => method === 'UPDATE' || method === 'INVITE').length > 0, refresher === 'uas')
    await after(seconds - 45.5 - 1.5)
    assert.equal(other.phase, 'up')
    await after(3)
    await until('BYE for the one that is there', () => other.phase === 'ended', 3000)
    await until('BYE for the one that is gone', () => heard.some(({ method }) => method === 'BYE'), 3000)
    assert.match(other.report().ending?.reason ?? '', /Q\.850;cause=(41|102)/)
    await after(32.5)
    await world.quiet()
    const ends = (await world.events()).filter(({ type }) => type === 'leg.cleared')
    assert.deepEqual([ends.length, new Set(ends.map(({ cause }) => cause?.reason)).has(reason)], [2, true])
    const released = (await world.records()).flatMap((record) => (record.type === 'lease.released' ? [record] : []))
    const lasted = (kind: string) => {
      const { lease, review } = released.find((record) => record.lease.kind === kind)!
      return { seconds: (lease.released!.mono - lease.answered!.mono) / 1000, review: review === true }
    }
    const gone = lasted('trunk.in')
    assert.ok(gone.seconds >= 0 && gone.seconds < 5 && gone.review, `the one that was gone: ${JSON.stringify(gone)}`)
    const there = lasted('trunk.out')
    assert.ok(there.seconds >= seconds - 2 && !there.review, `the one that was there: ${JSON.stringify(there)}`)
    assert.ok(heard.every((message) => message.method !== 'UPDATE' || headerOf(message, 'session-expires') !== ''))
  })
