import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { after, before, beforeEach, test } from 'node:test'
import { sleep, until } from '../peer/clock.ts'
import type { FarEnd } from '../peer/sip/far-end.ts'
import { headerOf, type Message } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID } from './harness.ts'
import { NAME, NamesWorld } from './names-world.ts'

/** What the carrier `other` calls itself in its Contact, in each test anew. Its trunk has gateways at .3, .4 and .6, and nobody else. */
let sbc = ''
let tests = 0

let names: NamesWorld
let others: { at: FarEnd; heard: Message[] }[]
before(async () => {
  names = await NamesWorld.open()
  others = await Promise.all([4, 6].map((last) => gateway(last)))
})
after(() => names[Symbol.asyncDispose]())
beforeEach(async () => {
  sbc = `sbc${++tests}.${NAME}`
  const gateways = [3, 4, 6].map((last) => ({ address: names.address(last), port: 5060 }))
  await names.world.changeTrunk('other', { gateways })
  for (const { heard } of others) heard.length = 0
  for (const name of Object.keys(names.dns.records)) delete names.dns.records[name]
  names.dns.mood = {}
})

/** One that answers what comes inside a dialog which it has not made, as carriers' clusters do. */
async function gateway(last: number): Promise<{ at: FarEnd; heard: Message[] }> {
  const at = await names.server(last)
  const heard: Message[] = []
  at.socket.onRequest = (request, from) => {
    heard.push(request)
    const body = request.method === 'INVITE' ? sdp(names.address(last)) : ''
    if (request.method !== 'ACK')
      at.socket.send(at.socket.response(request, 200, 'OK', '', [['Contact', `<sip:x@${sbc}>`]], body), from)
  }
  return { at, heard }
}

const sdp = (address: string) =>
  `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n`

/** SRV records of the carrier's cluster, in this order of priority. */
function cluster(...lasts: number[]): void {
  names.dns.records[`_sip._udp.${sbc}`] = {
    SRV: lasts.map((last, priority) => ({ priority, weight: 1, port: 5060, target: `s${last}.${NAME}` })),
  }
  for (const last of lasts) names.dns.records[`s${last}.${NAME}`] = names.address(last)
}

/** A call that is up, whose callee says that it is reached at `contact`. */
async function up(contact: string, headers: [string, string][] = []): Promise<[a: ScriptedLeg, b: ScriptedLeg]> {
  const b = ScriptedLeg.await(names.world.second)
  b.shown = contact
  const a = ScriptedLeg.place(names.world.carrier, names.world.node, DID, { body: sdp(names.address(2)) })
  b.reply(await b.next('INVITE'), 200, { body: b.sdp(), headers })
  a.ack(await a.next('200 INVITE'))
  return [a, b]
}

const bye = (heard: Message[]) => heard.filter(({ method }) => method === 'BYE').length

test('S25 RFC 3263 §4 a Contact that is a name: what follows goes to a server of it, and to the next one when that is dead, BYE too', async () => {
  const [first, second] = others
  // Whoever the dialog came about with is not among them any more; nobody is at .9, which is no gateway either.
  cluster(9, 4, 6)
  const silent = first!.at.socket.onRequest
  first!.at.socket.onRequest = () => {}
  const [a, b] = await up(`sip:x@${sbc}`)
  await until('the ACK to be tried', () => names.dns.questions.some(({ name }) => name === `s6.${NAME}`), 3000)
  // Its 200 again: the next server has the ACK.
  const invite = b.heard.find(({ method }) => method === 'INVITE')!
  b.reply(invite, 200, { body: b.sdp() })
  await until('the ACK', () => second!.heard.some(({ method }) => method === 'ACK'), 3000)
  const begun = performance.now()
  a.ask('INFO', { headers: [['Content-Type', 'application/dtmf-relay']], body: 'Signal=5\r\nDuration=160\r\n' })
  await a.next('200 INFO')
  a.ask('BYE')
  await until('BYE at the second server', () => bye(second!.heard) > 0, 5000)
  assert.ok(performance.now() - begun > 1400, 'the first one has had its time')
  assert.match(second!.heard.find(({ method }) => method === 'BYE')!.uri!, new RegExp(`^sip:x@${sbc}`))
  assert.equal(b.count('BYE'), 0)
  first!.at.socket.onRequest = silent
  await names.world.quiet()
})

test('S25 the server where the dialog came about is the first of its name’s; a re-INVITE and the BYE go on to the next when it dies', async () => {
  cluster(4, 3)
  const [a, b] = await up(`sip:x@${sbc}`)
  await b.next('ACK')
  b.socket.onRequest = () => {}
  a.ask('INVITE', { body: sdp(names.address(2)).replace('30000', '30010') })
  const accepted = await a.next('200 INVITE', 5000)
  a.ack(accepted)
  await until('its ACK', () => others[0]!.heard.some(({ method }) => method === 'ACK'), 3000)
  const invites = others[0]!.heard.filter(({ method }) => method === 'INVITE')
  assert.equal(headerOf(invites[0]!, 'to').includes('tag='), true)
  a.ask('BYE')
  await until('BYE', () => bye(others[0]!.heard) > 0, 5000)
  await names.world.quiet()
})

test('S34 RFC 3263 §4.3 a server that has answered 100 lives: a request inside the dialog waits for it, and nobody else is asked', async () => {
  const [next, slow] = others
  const usual = slow!.at.socket.onRequest
  slow!.at.socket.onRequest = (request, from) => {
    if (request.method !== 'INFO') return usual(request, from)
    const again = slow!.heard.some((heard) => headerOf(heard, 'via') === headerOf(request, 'via'))
    slow!.heard.push(request)
    const answer = (status: number) => slow!.at.socket.send(slow!.at.socket.response(request, status, 'X', '', [], ''), from)
    answer(100)
    if (!again) setTimeout(() => answer(200), 4000)
  }
  cluster(6, 4)
  const [a] = await up(`sip:x@${sbc}`)
  await until('the ACK', () => slow!.heard.some(({ method }) => method === 'ACK'), 3000)
  a.ask('INFO', { headers: [['Content-Type', 'application/dtmf-relay']], body: 'Signal=5\r\nDuration=160\r\n' })
  await until('INFO', () => slow!.heard.some(({ method }) => method === 'INFO'), 3000)
  await sleep(4500)
  a.ask('BYE')
  await until('BYE where the dialog is', () => bye(slow!.heard) > 0, 3000)
  assert.deepEqual(
    [next!.heard.map(({ method }) => method), new Set(slow!.heard.map(({ method }) => method))],
    [[], new Set(['ACK', 'INFO', 'BYE'])],
  )
  slow!.at.socket.onRequest = usual
  await names.world.quiet()
})

test('a Record-Route that is a name is found as well', async () => {
  cluster(6)
  const [a, b] = await up('sip:x@192.0.2.77', [['Record-Route', `<sip:${sbc};lr>`]])
  await until('the ACK', () => others[1]!.heard.some(({ method }) => method === 'ACK'), 3000)
  const ack = others[1]!.heard[0]!
  assert.equal(ack.uri, 'sip:x@192.0.2.77')
  assert.equal(headerOf(ack, 'route'), `<sip:${sbc};lr>`)
  a.ask('BYE')
  await until('BYE', () => bye(others[1]!.heard) > 0, 3000)
  assert.equal(b.count('BYE'), 0)
  await names.world.quiet()
})

test('a name that DNS does not tell: what follows goes to where the dialog came about, and the call ends as any other', async () => {
  for (const [i, mood] of [{}, { fails: true }, { silent: true }].entries()) {
    names.dns.mood = mood
    const [a, b] = await up(`sip:x@nowhere${i}.${NAME}`)
    await b.next('ACK')
    a.ask('BYE')
    b.reply(await b.next('BYE'), 200)
    await names.world.quiet()
  }
})

test('F05 a carrier leads our requests to its own gateways and nowhere else: not by an address, not by a name, not by a route', async () => {
  const trap = createSocket('udp4')
  let caught = 0
  trap.on('message', () => {
    caught += 1
  })
  await new Promise<void>((resolve) => trap.bind(5060, names.address(40), resolve))
  names.world.defer(() => void trap.close())
  names.dns.records[sbc] = names.address(40)
  const ways: [string, [string, string][]][] = [
    [`sip:x@${names.address(40)}:5060`, []],
    [`sip:x@${sbc}:5060`, []],
    [`sip:x@${names.address(3)}`, [['Record-Route', `<sip:${names.address(40)};lr>`]]],
    [`sip:x@${names.world.node.address}:${names.world.node.port}`, []],
  ]
  for (const [contact, headers] of ways) {
    const [a, b] = await up(contact, headers)
    await b.next('ACK')
    a.ask('BYE')
    b.reply(await b.next('BYE'), 200)
    await names.world.quiet()
  }
  assert.equal(caught, 0)
})
