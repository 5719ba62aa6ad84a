import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import { Phone } from '../interop/voice-phone.ts'
import { until } from '../peer/clock.ts'
import { headerOf } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { World } from './harness.ts'
import { answeredEarly, reliable, ringing, TAKES_UPDATE } from './scripted-call.ts'

const TONES = [440, 700, 1000]

/** A caller with ears, which knows reliable ringing, and whose call rings at the other carrier. */
async function heardRinging(world: World) {
  const ear = await Phone.open({ address: `${world.net}.2` })
  world.defer(() => void ear[Symbol.asyncDispose]())
  const sdp = { port: ear.local.port, payloads: [8, 0] }
  return { ear, ...(await ringing(world, { headers: [['Supported', '100rel']], sdp })) }
}

/** Two who say that they take UPDATE, with sound that passes by us. */
const beside = (world: World, port = 30_100) =>
  ringing(world, { headers: [['Supported', '100rel'], TAKES_UPDATE], sdp: { port } })

/** And the callee has answered early. */
async function answeredBeside(world: World, { port, tag }: { port?: number; tag?: string } = {}) {
  const call = await beside(world, port)
  await answeredEarly(call, { headers: [TAKES_UPDATE], sdp: { port: 31_100 }, ...(tag ? { tag } : {}) })
  return call
}

/** A telephone of the callee's side that speaks a tone towards what it was told. */
async function speaker(world: World, description: string, hz: number, last = 3) {
  const phone = await Phone.open({ address: `${world.net}.${last}` })
  world.defer(() => void phone[Symbol.asyncDispose]())
  const { address, port } = readSdp(description)!
  phone.towards({ address, port }).speak(hz)
  return phone
}

/** A description of nothing that we speak. */
function foreign(sdp: string): string {
  return sdp.replace('RTP/AVP 0', 'RTP/AVP 18').replace('rtpmap:0 PCMU', 'rtpmap:18 G729')
}

/** Another half second of sound has come, and it is this. */
async function stillHears(...ends: [phone: Phone, hz: number][]): Promise<void> {
  const before = ends.map(([phone]) => phone.heard.length)
  const hears = ([phone, hz]: [Phone, number], i: number) => phone.heard.length > before[i]! + 25 && phone.tone(TONES) === hz
  await until('more of each tone', () => ends.every(hears), 4000)
}

test('RFC 3311 a callee that has answered reliably makes another offer by UPDATE: it is answered, its sound moves and changes codec, and the 200 changes nothing', async () => {
  await using world = await World.open({ voice: true })
  const { a, b, ear, invite } = await heardRinging(world)
  const first = await speaker(world, invite.body, 440)
  // Before its answer nothing may be asked: our own offer is open.
  b.reply(invite, 180, { headers: reliable(9) })
  b.reply(await b.next('PRACK'), 200)
  a.prack(await a.next('180'))
  await a.next('200 PRACK')
  b.ask('UPDATE', { body: b.sdp({ port: first.local.port }) })
  await b.next('491 UPDATE')
  const told = await answeredEarly({ a, b, invite }, { sdp: { port: first.local.port } })
  await until('the first', () => ear.tone(TONES) === 440, 3000)
  const second = await Phone.open({ address: `${world.net}.3`, codec: 'PCMA' })
  world.defer(() => void second[Symbol.asyncDispose]())
  b.ask('UPDATE', { body: b.sdp({ port: second.local.port, payloads: [8], version: 2 }) })
  const answer = await b.next('200 UPDATE')
  assert.match(headerOf(answer, 'contact'), /^<sip:/)
  const said = readSdp(answer.body)!
  assert.deepEqual([said.port, said.payloads.filter((pt) => pt < 96)], [readSdp(invite.body)!.port, [8]])
  second.towards({ address: said.address, port: said.port }).speak(1000)
  const here = readSdp(told.body)!
  ear.towards({ address: here.address, port: here.port }).speak(700)
  await until('the second, in its codec', () => ear.tone(TONES) === 1000 && second.tone(TONES) === 700, 3000)
  // Early media that is stopped, and begun again.
  b.ask('UPDATE', { body: b.sdp({ port: second.local.port, payloads: [8], version: 3, direction: 'inactive' }) })
  assert.match((await b.next('200 UPDATE')).body, /a=inactive/)
  b.ask('UPDATE', { body: b.sdp({ port: second.local.port, payloads: [8], version: 4 }) })
  assert.doesNotMatch((await b.next('200 UPDATE')).body, /a=inactive/)
  // What nobody speaks is refused, and all is as it was; an UPDATE without an offer is a sign of life.
  b.ask('UPDATE', { body: foreign(b.sdp({ port: second.local.port, version: 5 })) })
  await b.next('488 UPDATE')
  b.ask('UPDATE')
  assert.equal((await b.next('200 UPDATE')).body, '')
  // RFC 3261 §13.2.1: what the 200 describes is no answer any more.
  b.reply(invite, 200, { body: b.sdp({ port: first.local.port }) })
  await b.next('ACK')
  a.ack(await a.next('200 INVITE'))
  const before = first.heard.length
  await stillHears([ear, 1000], [second, 700])
  assert.ok(first.heard.length - before < 5, 'nothing goes where the 200 says')
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
})

test('RFC 3311 a caller makes another offer by UPDATE before the answer: not before its PRACK, in order, and the 200 says what stands', async () => {
  await using world = await World.open({ voice: true })
  const { a, b, ear, invite } = await heardRinging(world)
  const mouth = await speaker(world, invite.body, 440)
  const offer = (port: number, version: number, payloads = [0]) => ({ body: a.sdp({ port, version, payloads }) })
  b.reply(invite, 183, { body: b.sdp({ port: mouth.local.port }) })
  const told = await a.next('183')
  assert.equal(headerOf(told, 'require'), '100rel')
  a.ask('UPDATE', offer(ear.local.port, 2))
  const early = await a.next('500 UPDATE')
  assert.match(headerOf(early, 'retry-after'), /^([0-9]|10)$/)
  a.prack(told)
  await a.next('200 PRACK')
  const moved = await Phone.open({ address: `${world.net}.2` })
  world.defer(() => void moved[Symbol.asyncDispose]())
  a.ask('UPDATE', offer(moved.local.port, 3))
  const answer = await a.next('200 UPDATE')
  assert.match(headerOf(answer, 'contact'), /^<sip:/)
  const said = readSdp(answer.body)!
  assert.deepEqual(
    said.payloads.filter((pt) => pt < 96),
    [0],
  )
  moved.towards({ address: said.address, port: said.port }).speak(700)
  await until('the moved one to be heard and to hear', () => moved.tone(TONES) === 440 && mouth.tone(TONES) === 700, 3000)
  a.ask('UPDATE', { body: foreign(offer(moved.local.port, 4).body) })
  await a.next('488 UPDATE')
  // Behind another one, and so out of order.
  a.ask('UPDATE', offer(ear.local.port, 5), 2)
  await a.next('500 UPDATE')
  b.reply(invite, 200, { body: b.sdp({ port: mouth.local.port }) })
  await b.next('ACK')
  const final = await a.next('200 INVITE')
  assert.ok(final.body === '' || readSdp(final.body)!.port === said.port)
  a.ack(final)
  await stillHears([moved, 440], [mouth, 700])
  b.ask('BYE')
  a.reply(await a.next('BYE'), 200)
  await world.quiet()
})

test('RFC 3311 where sound passes by us an UPDATE before the answer goes to the other side and its answer comes back; crossing ones meet 491', async () => {
  await using world = await World.open({ media: 'direct' })
  const { a, b, invite } = await beside(world)
  b.reply(invite, 183, { headers: [...reliable(10), TAKES_UPDATE], sdp: { port: 31_100 } })
  b.reply(await b.next('PRACK'), 200)
  const rings = await a.next('183')
  b.ask('UPDATE', { body: b.sdp({ port: 31_200, version: 2 }) })
  await b.next('488 UPDATE')
  a.prack(rings)
  await a.next('200 PRACK')
  b.ask('UPDATE', { body: b.sdp({ port: 31_300, version: 2 }) })
  const asked = await a.next('UPDATE')
  assert.equal(readSdp(asked.body)?.port, 31_300)
  // Both of these cross it.
  a.ask('UPDATE', { body: a.sdp({ port: 30_200, version: 2 }) })
  await a.next('491 UPDATE')
  b.ask('UPDATE', { body: b.sdp({ port: 31_400, version: 3 }) })
  await b.next('500 UPDATE')
  a.reply(asked, 200, { body: a.sdp({ port: 30_300, version: 2 }) })
  assert.equal(readSdp((await b.next('200 UPDATE')).body)?.port, 30_300)
  a.ask('UPDATE', { body: a.sdp({ port: 30_400, version: 3 }) })
  const back = await b.next('UPDATE')
  assert.equal(readSdp(back.body)?.port, 30_400)
  b.reply(back, 200, { body: b.sdp({ port: 31_500, version: 4 }) })
  assert.equal(readSdp((await a.next('200 UPDATE')).body)?.port, 31_500)
  b.ask('UPDATE', { body: b.sdp({ port: 31_600, version: 5 }) })
  a.reply(await a.next('UPDATE'), 488)
  await b.next('488 UPDATE')
  b.reply(invite, 200)
  await b.next('ACK')
  const answer = await a.next('200 INVITE')
  assert.equal(readSdp(answer.body)?.port, 31_500, 'what it was told last')
  a.ack(answer)
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
})

test('RFC 3311 where sound passes by us, what one fork has asked for by UPDATE does not stand for another one that answers', async () => {
  await using world = await World.open({ media: 'direct' })
  const { a, b, invite } = await answeredBeside(world, { tag: 'one' })
  a.ask('UPDATE', { body: a.sdp({ port: 30_200, version: 2 }) })
  // An offer that is accepted without an answer has none.
  b.reply(await b.next('UPDATE'), 200)
  await a.next('488 UPDATE')
  a.ask('UPDATE', { body: a.sdp({ port: 30_300, version: 3 }) })
  b.reply(await b.next('UPDATE'), 200, { body: b.sdp({ port: 31_200, version: 2 }) })
  assert.equal(readSdp((await a.next('200 UPDATE')).body)?.port, 31_200)
  b.reply(invite, 200, { tag: 'two', body: b.sdp({ port: 31_300 }) })
  await b.next('ACK')
  const answer = await a.next('200 INVITE')
  assert.equal(readSdp(answer.body)?.port, 31_300, 'where whoever has answered listens')
  a.ack(answer)
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
})

/** The callee's trunk has two gateways: the second carrier, and this one. */
async function nextServer(world: World): Promise<ScriptedLeg> {
  const gateways = [3, 74].map((last) => ({ address: `${world.net}.${last}`, port: 5060 }))
  await world.changeTrunk('other', { gateways })
  return ScriptedLeg.await(world.pbx)
}

test('S34 where sound passes by us, the next server is offered what the caller has offered last', async () => {
  await using world = await World.open({ media: 'direct' })
  const next = await nextServer(world)
  const { a, b, invite } = await answeredBeside(world)
  a.ask('UPDATE', { body: a.sdp({ port: 30_200, version: 2 }) })
  b.reply(await b.next('UPDATE'), 200, { body: b.sdp({ port: 31_200, version: 2 }) })
  await a.next('200 UPDATE')
  b.reply(invite, 503)
  await b.next('ACK')
  const offered = await next.next('INVITE')
  assert.equal(readSdp(offered.body)?.port, 30_200)
  next.reply(offered, 200, { body: next.sdp({ port: 31_300 }) })
  await next.next('ACK')
  const answer = await a.next('200 INVITE')
  assert.equal(readSdp(answer.body)?.port, 31_300)
  a.ack(answer)
  a.ask('BYE')
  next.reply(await next.next('BYE'), 200)
  await world.quiet()
})

test('S34 a server that has asked for something else by UPDATE and then does not serve narrows nothing of what the next one is offered', async () => {
  await using world = await World.open({ voice: true })
  const next = await nextServer(world)
  const { a, b, invite } = await heardRinging(world)
  await answeredEarly({ a, b, invite }, { sdp: { port: 31_100 } })
  b.ask('UPDATE', { body: b.sdp({ port: 31_200, payloads: [8], version: 2, direction: 'inactive' }) })
  assert.match((await b.next('200 UPDATE')).body, /a=inactive/)
  b.reply(invite, 503)
  await b.next('ACK')
  const offered = await next.next('INVITE')
  assert.deepEqual(readSdp(offered.body)!.payloads, readSdp(invite.body)!.payloads)
  assert.doesNotMatch(offered.body, /a=inactive/)
  next.reply(offered, 200, { body: next.sdp({ port: 31_300 }) })
  await next.next('ACK')
  a.ack(await a.next('200 INVITE'))
  a.ask('BYE')
  next.reply(await next.next('BYE'), 200)
  await world.quiet()
})

test('S34 RFC 3311 where the next trunk does not let sound pass by us, its sound goes where the caller has asked for it last, and the caller comes to voice', async () => {
  const number = '+3225559000'
  await using world = await World.open({ voice: true, media: 'direct', subscriber: { defaultRoute: { number } } })
  const { snapshot } = world
  const [main, other] = snapshot.trunks
  const gateways = [{ address: `${world.net}.74`, port: 5060 }]
  const relayed = { ...other!, id: newId('trk'), name: 'relayed', gateways, media: 'relay' as const }
  await world.publish({ ...snapshot, number: snapshot.number + 1, trunks: [other!, relayed, main!] })
  const next = ScriptedLeg.await(world.pbx)
  const [ear, moved] = await Promise.all([2, 2].map((last) => Phone.open({ address: `${world.net}.${last}` })))
  for (const phone of [ear!, moved!]) world.defer(() => void phone[Symbol.asyncDispose]())
  const { a, b, invite } = await answeredBeside(world, { port: ear!.local.port })
  a.ask('UPDATE', { body: a.sdp({ port: moved!.local.port, version: 2 }) })
  b.reply(await b.next('UPDATE'), 200, { body: b.sdp({ port: 31_200, version: 2 }) })
  await a.next('200 UPDATE')
  b.reply(invite, 503)
  await b.next('ACK')
  const offered = await next.next('INVITE')
  const mouth = await speaker(world, offered.body, 440, 74)
  next.reply(offered, 183, { body: next.sdp({ port: mouth.local.port }) })
  a.prack(await a.next('183'))
  await a.next('200 PRACK')
  await until('the sound where it is wanted', () => moved!.tone(TONES) === 440, 3000)
  assert.equal(ear!.heard.length, 0)
  next.reply(offered, 200, { body: next.sdp({ port: mouth.local.port }) })
  await next.next('ACK')
  a.ack(await a.next('200 INVITE'))
  const brought = await a.next('INVITE')
  const { address, port } = readSdp(brought.body)!
  a.reply(brought, 200, { body: a.sdp({ port: moved!.local.port, version: 3 }) })
  await a.next('ACK')
  moved!.towards({ address, port }).speak(700)
  await until('both', () => mouth.tone(TONES) === 700, 3000)
  await stillHears([moved!, 440])
  a.ask('BYE')
  next.reply(await next.next('BYE'), 200)
  await world.quiet()
})
