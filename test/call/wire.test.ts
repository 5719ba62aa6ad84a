import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import { Phone } from '../interop/voice-phone.ts'
import { until } from '../peer/clock.ts'
import type { FarEnd } from '../peer/sip/far-end.ts'
import { formatMessage, headersOf, hostOf, type Message, uriOf } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { DID, World } from './harness.ts'

/** All that a far end is sent, requests and responses. */
function wiretap(far: FarEnd): Message[] {
  const heard: Message[] = []
  far.socket.onHeard = (message) => void heard.push(message)
  return heard
}

/** Each address that a message names is that of our own side towards its reader; of nothing beyond it is there a word. */
function speaksOnlyFor(ours: string, beyond: string[], message: Message): void {
  const text = String(formatMessage(message))
  const about = `${message.method ?? message.status}\n${text}`
  if (message.method)
    assert.match(headersOf(message, 'via')[0]!, new RegExp(`^SIP/2.0/UDP ${ours.replaceAll('.', '\\.')}[:;]`), about)
  for (const contact of headersOf(message, 'contact')) assert.equal(hostOf(uriOf(contact)).address, ours, about)
  for (const [, address] of message.body.matchAll(/^[co]=.*IN IP4 (\S+)\r?$/gm)) assert.equal(address, ours, about)
  for (const address of beyond)
    assert.ok(!new RegExp(`\\b${address.replaceAll('.', '\\.')}\\b`).test(text), `${address} in ${about}`)
}

/** A call over each pair of sides; how it is begun, and who is called. */
const ROADS: Record<string, (world: World) => Promise<FarEnd>> = {
  'from the trunk to the site': async (world) => {
    const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
    await until('an answer', () => call.phase === 'up', 4000)
    return world.pbx
  },
  'from the site to the trunk': async (world) => {
    const call = await world.pbx.place({ to: world.siteSwitch, from: '101', number: '+32470999999' })
    await until('an answer', () => call.phase === 'up', 4000)
    return world.carrier
  },
  'from the site to the site': async (world) => {
    const order = {
      from: { pbx: '101' },
      to: { pbx: '102' },
      call: newId('call'),
      subscriber: world.acme,
      by: 'operator' as const,
    }
    await world.link.call('call.make', order)
    const up = () => world.pbx.calls.filter(({ phase }) => phase === 'up').length === 2
    await until('both to have answered', up, 6000)
    return world.pbx
  },
}

for (const [road, begin] of Object.entries(ROADS)) {
  test(`S55 ${road}: Via, Contact and the description of each leg name its own side alone, on the wire`, async () => {
    await using world = await World.open({ voice: true, subscriber: { defaultRoute: { pbx: '101' } } })
    const ends = [world.carrier, world.second, world.pbx]
    const taps = new Map(ends.map((far) => [far, wiretap(far)]))
    for (const far of ends) far.rules = [{ user: '*', does: 'answer', ringMs: 20 }]
    const callee = await begin(world)
    const [view] = await world.link.call('call.list', {})
    await world.link.call('call.kill', { call: view!.id })
    const over = () => ends.every(({ calls }) => calls.every(({ phase }) => phase === 'ended'))
    await until('every leg to be over', over, 3000)
    await world.quiet()
    const [node, site] = [world.node.address, world.siteSwitch.address]
    const trunkEnds = [world.carrier, world.second].map(({ socket }) => socket.address)
    for (const [far, heard] of taps) {
      const [ours, beyond] = far === world.pbx ? [site, [node, ...trunkEnds]] : [node, [site, world.pbx.socket.address]]
      for (const message of heard) speaksOnlyFor(ours, beyond, message)
    }
    const seen = taps.get(callee)!.map(({ method, status }) => String(method ?? status))
    for (const what of ['INVITE', 'ACK', 'BYE']) assert.ok(seen.includes(what), `${what} in ${seen}`)
  })
}

for (const media of ['relay', 'direct'] as const) {
  test(`S39 an INVITE of 60 kB in one datagram, its description among other parts, is read to its last byte (${media})`, async () => {
    await using world = await World.open({ voice: media === 'relay', media })
    await using ear = await Phone.open({ address: `${world.net}.2` })
    await using mouth = await Phone.open({ address: `${world.net}.3` })
    const b = ScriptedLeg.await(world.second)
    const sdp = ScriptedLeg.await(world.carrier).sdp({ port: ear.local.port })
    const part = (type: string, content: string) => `--edge\r\nContent-Type: ${type}\r\n\r\n${content}\r\n`
    const before = part('application/rs-metadata+xml', `<recording>${'x'.repeat(58_000)}</recording>`)
    // The description comes last: what is cut off is missed.
    const body = `${before}${part('application/sdp', sdp)}--edge--\r\n`
    assert.ok(body.length > 58_000)
    const headers: [string, string][] = [['Content-Type', 'multipart/mixed;boundary=edge']]
    const a = ScriptedLeg.place(world.carrier, world.node, DID, { headers, body })
    const invite = await b.next('INVITE')
    assert.ok(formatMessage(invite).length < 1500, 'only what is understood goes on')
    if (media === 'direct') assert.equal(invite.body, sdp)
    b.reply(invite, 200, { body: b.sdp({ port: mouth.local.port }) })
    await b.next('ACK')
    const answer = await a.next('200 INVITE')
    a.ack(answer)
    if (media === 'relay') {
      const at = readSdp(invite.body)!
      mouth.towards(at).speak(700)
      await until('sound at the port of the last part', () => ear.tone([440, 700]) === 700, 3000)
    }
    a.ask('BYE')
    b.reply(await b.next('BYE'), 200)
    await world.quiet()
  })
}

test('S39 the same from a site: 60 kB in one datagram, inside its network', async () => {
  await using world = await World.open({ voice: true })
  const b = ScriptedLeg.await(world.carrier)
  const sdp = ScriptedLeg.await(world.pbx).sdp()
  const before = `--edge\r\nContent-Type: text/plain\r\n\r\n${'x'.repeat(58_000)}\r\n`
  const body = `${before}--edge\r\nContent-Type: application/sdp\r\n\r\n${sdp}\r\n--edge--\r\n`
  const headers: [string, string][] = [['Content-Type', 'multipart/mixed;boundary=edge']]
  const a = ScriptedLeg.place(world.pbx, world.siteSwitch, '+32470999999', { headers, body })
  const invite = await b.next('INVITE')
  assert.ok(readSdp(invite.body))
  b.reply(invite, 200, { body: b.sdp() })
  await b.next('ACK')
  a.ack(await a.next('200 INVITE'))
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
})
