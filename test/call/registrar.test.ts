import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import { sleep, until } from '../peer/clock.ts'
import { digestAnswer } from '../peer/sip/digest.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { headerOf, headersOf, type Message } from '../peer/sip/message.ts'
import { register } from '../peer/sip/register.ts'
import { newBranch, newTag } from '../peer/sip/socket.ts'
import { DID, World } from './harness.ts'
import { TURNED, turn } from './turned-clock.ts'

const OWN = { user: '101', password: 'circle of life' }

let world: World
let desk: FarEnd
before(async () => {
  world = await World.open({ voice: true, ...TURNED })
  const telephones = [{ name: OWN.user, password: createSealer(world.sealingKey).seal(OWN.password) }]
  await world.change({ telephones, defaultRoute: { user: OWN.user } })
  desk = await FarEnd.open({ address: `${world.net}.75`, port: 5060, name: 'desk', watched: [] })
  world.defer(() => desk.close())
  desk.rules = [{ user: OWN.user, does: 'answer', ringMs: 5 }]
})
after(() => world[Symbol.asyncDispose]())

const signOn = (more: { expires?: number; contact?: string } = {}) =>
  register(desk.socket, { to: world.siteSwitch, ...OWN, expires: 60, ...more })

const contacts = async () =>
  (await world.link.call('telephone.list', { subscriber: world.acme })).flatMap((telephone) => telephone.contacts)

/** One REGISTER, whatever it says. */
function says(sequence: number, callId: string, authorization?: string): Promise<Message> {
  const branch = newBranch()
  const aor = `<sip:${OWN.user}@${world.siteSwitch.address}>`
  const request: Message = {
    method: 'REGISTER',
    uri: `sip:${world.siteSwitch.address}`,
    headers: [
      desk.socket.via(branch),
      ['Max-Forwards', '70'],
      ['From', `${aor};tag=${newTag()}`],
      ['To', aor],
      ['Call-ID', callId],
      ['CSeq', `${sequence} REGISTER`],
      ['Contact', `<sip:101@${desk.socket.address}:5060>`],
      ['Expires', '60'],
      ...(authorization ? ([['Authorization', authorization]] as [string, string][]) : []),
    ],
    body: '',
  }
  return desk.socket.ask(request, world.siteSwitch, branch)
}

const answerTo = (challenged: Message) =>
  digestAnswer(headersOf(challenged, 'www-authenticate'), OWN, { method: 'REGISTER', uri: `sip:${world.siteSwitch.address}` })

test('a contact is called as long as it has asked for, and is nowhere after that unless it comes again', async () => {
  assert.equal((await signOn()).status, 200)
  await turn(world, 40)
  assert.equal((await signOn()).status, 200)
  await turn(world, 40)
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('an answer', () => call.phase === 'up', 3000)
  call.hangup()
  await world.quiet()
  await turn(world, 30)
  assert.deepEqual(await contacts(), [])
  const missed = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('a refusal', () => missed.phase === 'ended', 3000)
  assert.equal(missed.report().final?.status, 480)
  await world.quiet()
})

test('F13 ten contacts are as many as a telephone has: an eleventh is refused, and the ten stay', async () => {
  const at = (n: number) => `<sip:101@${desk.socket.address}:${6000 + n}>`
  for (let n = 0; n < 10; n++) assert.equal((await signOn({ contact: at(n) })).status, 200)
  const more = await signOn({ contact: at(10) })
  assert.deepEqual([more.status, headersOf(more, 'contact')], [403, []])
  assert.equal((await contacts()).length, 10)
  assert.equal((await signOn({ contact: at(3) })).status, 200, 'one of the ten may come again')
  const began = performance.now()
  const flood = await signOn({ contact: Array.from({ length: 3500 }, (_, n) => `<sip:${n}@a>`).join(', ') })
  assert.equal(flood.status, 403)
  assert.ok(performance.now() - began < 200, 'F13: nor does anybody wait for thousands')
  assert.equal((await signOn({ contact: '*', expires: 0 })).status, 200)
  assert.deepEqual(await contacts(), [])
})

test('S44 an answer is good once for each count and for five minutes: then its nonce is called stale, which no wrong password is told', async () => {
  const callId = newTag()
  const challenged = await says(1, callId)
  assert.equal(challenged.status, 401)
  const answer = answerTo(challenged)
  assert.equal((await says(2, callId, answer)).status, 200)
  const stale = (message: Message) => /stale=true/i.test(headerOf(message, 'www-authenticate'))
  const again = await says(3, callId, answer)
  assert.deepEqual([again.status, stale(again)], [401, true], 'who has listened comes in by it no more')
  await turn(world, 301)
  const late = await says(4, callId, answerTo(again))
  assert.deepEqual([late.status, stale(late)], [401, true])
  const wrong = await says(5, callId, answerTo(late).replace(/response="[^"]+"/, `response="${'0'.repeat(32)}"`))
  assert.deepEqual([wrong.status, stale(wrong)], [401, false])
  const last = await says(6, callId)
  assert.equal((await says(7, callId, answerTo(last))).status, 200)
})

test('RFC 3261 §10.3 a REGISTER that is older than what it would change is refused, and changes nothing', async () => {
  await signOn({ contact: '*', expires: 0 })
  const callId = newTag()
  assert.equal((await says(9, callId, answerTo(await says(8, callId)))).status, 200)
  const old = await says(4, callId, answerTo(await says(3, callId)))
  assert.deepEqual([old.status, headerOf(old, 'retry-after')], [500, '1'])
  assert.equal((await contacts()).length, 1)
  await sleep(10)
  await signOn({ contact: '*', expires: 0 })
})
