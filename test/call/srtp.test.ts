import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { MediaStats } from '#platform/words/index.ts'
import { Baresip } from '../peer/baresip.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const CALLER = '+32470123456'
const heard = (call: Call, what: number) => (call.report().media?.heard ?? []).filter((h) => h.what === what).length

test('baresip that insists on SRTP and a carrier without it hear each other; no key is in the journal, which carries the call on', async () => {
  await using world = await World.open({ voice: true })
  // Its RTP leaves from this address, whatever it is bound to.
  const address = '127.0.0.1'
  const channel = world.snapshot.subscribers[0]?.channel
  assert.ok(channel)
  await using telephone = await Baresip.start({ address, port: 15_072, user: '101', tone: 700, srtp: 'required' })
  const siteNetworks = [...channel.siteNetworks, '127.0.0.1/32']
  await world.change({ channel: { ...channel, siteNetworks }, site: { pbx: { host: address, port: 15_072 }, srtp: 'required' } })
  using _program = await Program.connect(world, async (call: Commanded) => {
    await call.do('call.dial', { target: { pbx: '101' } })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 5000)
  await until('its tone', () => heard(call, 700) >= 10, 6000)
  await world.kill('switch')
  const journal = join(world.directory, 'switch', 'journal')
  const written = readdirSync(journal).map((file) => readFileSync(join(journal, file), 'latin1'))
  assert.match(written.join(), /"sealed":"v1\./)
  assert.doesNotMatch(written.join(), /inline:|a=crypto|"crypto"|"material"/)
  await world.startSwitch()
  const before = heard(call, 700)
  await until('its tone, as ever', () => heard(call, 700) > before + 2 && call.phase === 'up', 6000)
  call.hangup()
  await until('its record of ours', () => telephone.heard([400, 700]).filter((h) => h === 400).length >= 8, 6000)
  await world.quiet()
  const cleared = (await world.events()).filter(({ type }) => type === 'leg.cleared')
  assert.equal(cleared.length, 2)
  for (const { data } of cleared) {
    const media = data.media as MediaStats
    // Only what came before the keys were known is refused.
    assert.ok(media.packetsRefused < 25 && media.packetsReceived > 40, JSON.stringify(media))
  }
})

test('a protected leg moves to another voice process when its own is killed, and both are heard again', async () => {
  await using world = await World.open({ voice: true, voices: 2 })
  const address = '127.0.0.1'
  const channel = world.snapshot.subscribers[0]?.channel
  assert.ok(channel)
  await using telephone = await Baresip.start({ address, port: 15_073, user: '101', tone: 700, srtp: 'required' })
  const siteNetworks = [...channel.siteNetworks, '127.0.0.1/32']
  await world.change({ channel: { ...channel, siteNetworks }, site: { pbx: { host: address, port: 15_073 }, srtp: 'required' } })
  using _program = await Program.connect(world, async (call: Commanded) => {
    await call.do('call.dial', { target: { pbx: '101' } })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('its tone', () => heard(call, 700) >= 4, 8000)
  await world.kill('voice')
  const moved = async () => (await world.events()).filter(({ type }) => type === 'media.moved').length === 2
  await until('both legs to be moved', moved, 9000)
  const before = heard(call, 700)
  await until('its tone again', () => heard(call, 700) > before + 10, 8000)
  call.hangup()
  // What it recorded of us: more than there was time for before the move.
  await until('our tone on both sides of the move', () => telephone.heard([400, 700]).filter((h) => h === 400).length >= 10, 6000)
  await world.quiet()
  assert.ok((await world.leases()).every(({ released }) => released !== null))
})

test('where SRTP is only offered, a PBX that refuses it is called once more in the clear', async () => {
  await using world = await World.open({ voice: true })
  const pbx = world.snapshot.subscribers[0]?.site.pbx
  assert.ok(pbx)
  await world.change({ site: { pbx, srtp: 'offered' } })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 30, tone: 700 }]
  using _program = await Program.connect(world, async (call: Commanded) => {
    await call.do('call.dial', { target: { pbx: '101' } })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 3000)
  const places = world.pbx.calls.map((placed) => placed.phase)
  assert.deepEqual(places, ['ended', 'up'])
  await until('both tones', () => heard(call, 700) >= 2, 3000)
  call.hangup()
  await world.quiet()
})

test('M14 a trunk that must protect its sound gets 488 for an offer that does not, before anybody is disturbed', async () => {
  await using world = await World.open({ voice: true })
  const { snapshot } = world
  const trunks = snapshot.trunks.map((trunk) => ({ ...trunk, srtp: 'required' as const }))
  await world.publish({ ...snapshot, number: snapshot.number + 1, trunks })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('an end', () => call.phase === 'ended', 3000)
  assert.equal(call.report().final?.status, 488)
  assert.equal((await world.leases()).length, 0)
})

test('S48 M14 a leg whose sound is protected is held and retrieved by its far end, with an event each', async () => {
  await using world = await World.open({ voice: true })
  const { snapshot } = world
  const trunks = snapshot.trunks.map((trunk) => (trunk.name === 'main' ? { ...trunk, srtp: 'required' as const } : trunk))
  await world.publish({ ...snapshot, number: snapshot.number + 1, trunks })
  const b = ScriptedLeg.await(world.second)
  const plain = ScriptedLeg.await(world.carrier)
  const crypto = `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 5).toString('base64')}`
  const body = (direction: 'sendrecv' | 'sendonly', version: number) =>
    `${plain.sdp({ direction, version }).replace('RTP/AVP', 'RTP/SAVP')}${crypto}\r\n`
  const a = ScriptedLeg.place(world.carrier, world.node, DID, { body: body('sendrecv', 1) })
  const invite = await b.next('INVITE')
  b.reply(invite, 200, { body: b.sdp() })
  await b.next('ACK')
  a.ack(await a.next('200 INVITE'))
  for (const [direction, version, answered] of [
    ['sendonly', 2, 'recvonly'],
    ['sendrecv', 3, 'sendrecv'],
  ] as const) {
    a.ask('INVITE', { body: body(direction, version) })
    const answer = await a.next('200 INVITE')
    a.ack(answer)
    assert.match(answer.body, new RegExp(`a=${answered}`))
  }
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
  const types = (await world.events()).map(({ type }) => type).filter((type) => /held|retrieved/.test(type))
  assert.deepEqual(types, ['leg.held', 'leg.retrieved'])
})

/** What callers offer: in the clear, with keys by SDP, as a browser does (DTLS with ICE), and in the clear with ICE beside it. */
const OFFERS = {
  clear: (sdp: string) => sdp,
  keys: (sdp: string) =>
    `${sdp.replace('RTP/AVP', 'RTP/SAVP')}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 5).toString('base64')}\r\n`,
  browser: (sdp: string) =>
    [
      sdp.replace('RTP/AVP', 'UDP/TLS/RTP/SAVPF').trim(),
      ...['a=setup:actpass', `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`, 'a=rtcp-mux'],
      ...['a=ice-ufrag:abcd', `a=ice-pwd:${'x'.repeat(24)}`, 'a=candidate:1 1 UDP 2130706431 192.0.2.1 30000 typ host', ''],
    ].join('\r\n'),
  ice: (sdp: string) =>
    `${sdp}a=ice-ufrag:abcd\r\na=ice-pwd:${'x'.repeat(24)}\r\na=candidate:1 1 UDP 2130706431 192.0.2.1 30000 typ host\r\n`,
}

test('M14 each policy of a trunk meets each kind of offer: taken as it is, or 488 before anybody is disturbed; what it calls itself is of the policy', async () => {
  await using world = await World.open({ voice: true })
  const { snapshot } = world
  const [CLEAR, PROTECTED] = ['RTP/AVP', 'RTP/SAVP']
  let waiting = ScriptedLeg.await(world.second)
  for (const [srtp, taken] of [
    ['off', { clear: CLEAR, keys: null, browser: null, ice: CLEAR }],
    ['offered', { clear: CLEAR, keys: PROTECTED, browser: null, ice: CLEAR }],
    ['required', { clear: null, keys: PROTECTED, browser: null, ice: null }],
  ] as const) {
    const trunks = snapshot.trunks.map((trunk) => ({ ...trunk, srtp }))
    await world.publish({ ...snapshot, number: world.snapshot.number + 1, trunks })
    for (const kind of ['clear', 'keys', 'browser', 'ice'] as const) {
      const what = `${srtp}, ${kind}`
      const b = waiting
      const a = ScriptedLeg.place(world.carrier, world.node, DID, { body: OFFERS[kind](ScriptedLeg.await(world.carrier).sdp()) })
      const profile = taken[kind]
      if (profile === null) {
        a.ack(await a.next('488'))
        assert.equal(b.heard.length, 0, `${what}: nobody is disturbed`)
        continue
      }
      const invite = await b.next('INVITE')
      waiting = ScriptedLeg.await(world.second)
      const own = srtp === 'off' ? CLEAR : PROTECTED
      assert.match(invite.body, new RegExp(`m=audio \\d+ ${own} `), `${what}: what goes out`)
      assert.equal(/a=crypto:/.test(invite.body), own === PROTECTED)
      const answer = own === PROTECTED ? OFFERS.keys(b.sdp()).replace('a=crypto:1', 'a=crypto:2') : b.sdp()
      b.reply(invite, 200, { body: answer })
      await b.next('ACK')
      const told = await a.next('200 INVITE')
      a.ack(told)
      assert.match(told.body, new RegExp(`m=audio \\d+ ${profile} `), what)
      assert.equal(/a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:/.test(told.body), profile === PROTECTED, what)
      assert.doesNotMatch(told.body, /candidate|fingerprint|ice-/)
      a.ask('BYE')
      b.reply(await b.next('BYE'), 200)
      await world.quiet()
    }
  }
})
