import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import type { PbxConfig, TrunkConfig } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { type Account, digestAnswer } from '../peer/sip/digest.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { headerOf } from '../peer/sip/message.ts'
import { register } from '../peer/sip/register.ts'
import { DID, PUBLIC, World } from './harness.ts'

const CALLER = '+32470123456'
const OUTSIDE = '+32470999999'
const ACCOUNT = { user: 'office', password: 'circle of life' }

/** A world whose PBX registers as `office`, and whose calls go to it by the number that was called. */
async function open(pbx: Partial<PbxConfig> = {}) {
  const world = await World.open({ voice: true })
  const acme = world.snapshot.subscribers[0]!
  const seal = (text: string) => createSealer(world.sealingKey).seal(text)
  const telephones = [
    { name: ACCOUNT.user, password: seal(ACCOUNT.password) },
    { name: '101', password: seal('hakuna matata') },
  ]
  const site = { ...acme.site, pbx: { port: 5060, number: PUBLIC, account: ACCOUNT.user, ...pbx } }
  await world.change({ telephones, site, defaultRoute: { pbx: '*' } })
  const office = await FarEnd.open({ address: `${world.net}.80`, port: 5080, name: 'office', watched: [400, 700] })
  world.defer(() => office.close())
  office.rules = [{ user: '*', does: 'answer', ringMs: 5, tone: 700 }]
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  return { world, office, site }
}

const over = (call: Call) => until('its end', () => call.phase === 'ended', 4000)
const up = (call: Call) => until('an answer', () => call.phase === 'up', 4000)

/** Places a call, is challenged, and places it again with an answer. */
async function withDigest(
  end: FarEnd,
  options: Parameters<FarEnd['place']>[0],
  account: Account,
  algorithm: 'MD5' | 'SHA-256' = 'MD5',
): Promise<Call> {
  const first = await end.place(options)
  await over(first)
  assert.equal(first.report().final?.status, 401)
  const challenges = Object.entries(first.report().final!.headers).flatMap(([name, value]) =>
    name.toLowerCase() === 'www-authenticate' ? [value] : [],
  )
  const uri = `sip:${options.number}@${options.to.address}:${options.to.port}`
  const answer = digestAnswer(challenges, account, { method: 'INVITE', uri, algorithm })
  return end.place({ ...options, headers: [['Authorization', answer]] })
}

test('a PBX that registers as one account gets all numbers of its subscriber, each by its own name; unregistered, over the trunk', async () => {
  const { world, office } = await open()
  await using _ = world
  const invites = office.requests('INVITE')
  const at = { to: world.siteSwitch, ...ACCOUNT, expires: 60 }
  assert.equal((await register(office.socket, { ...at, contact: `<sip:office@${world.net}.80:5080;ob=1>` })).status, 200)
  for (const number of [DID, PUBLIC]) {
    const call = await world.second.place({ to: world.node, from: CALLER, number })
    await up(call)
    const invite = invites.at(-1)!
    assert.equal(invite.uri, `sip:${number}@${world.net}.80:5080;ob=1`)
    assert.match(headerOf(invite, 'to'), new RegExp(`^<sip:\\${number}@`))
    call.hangup()
    await world.quiet()
  }
  // Its contact is taken back: what is left is its public number.
  assert.equal((await register(office.socket, { ...at, contact: '*', expires: 0 })).status, 200)
  const seen = world.carrier.requests('INVITE')
  const call = await world.second.place({ to: world.node, from: CALLER, number: DID })
  await up(call)
  assert.match(seen[0]!.uri ?? '', new RegExp(`^sip:\\${PUBLIC}@`))
  call.hangup()
  await world.quiet()
})

test('F02 calls of the PBX are believed for their network, or have to prove its account; it vouches for its extensions', async () => {
  const { world, office, site } = await open({ calls: 'digest' })
  await using _ = world
  const to = { to: world.siteSwitch, number: OUTSIDE }
  await over(await withDigest(office, { ...to, from: '200' }, { ...ACCOUNT, password: 'guess' }))
  const wrong = await withDigest(office, { ...to, from: '200' }, { user: '101', password: 'hakuna matata' })
  await over(wrong)
  assert.equal(wrong.report().final?.status, 403, 'a telephone is not the PBX')
  for (const from of [PUBLIC, '200', '101', ACCOUNT.user]) {
    const call = await withDigest(office, { ...to, from }, ACCOUNT)
    await up(call)
    call.hangup()
    await world.quiet()
  }
  // An emergency is asked for nothing.
  const emergency = await office.place({ to: world.siteSwitch, from: '200', number: '112' })
  await up(emergency)
  emergency.hangup()
  await world.quiet()
  const { calls: _calls, ...pbx } = site.pbx
  await world.change({ site: { ...site, pbx } })
  const free = await office.place({ ...to, from: '200' })
  await up(free)
  free.hangup()
  await world.quiet()
})

test('RFC 8760 telephones are asked for MD5 alone, or for SHA-256 alone by policy, and an answer by the other is none', async () => {
  const { world, office, site } = await open()
  await using _ = world
  const at = { to: world.siteSwitch, ...ACCOUNT, expires: 60 }
  assert.equal((await register(office.socket, { ...at, algorithm: 'SHA-256' })).status, 401)
  assert.equal((await register(office.socket, at)).status, 200)
  await world.change({ site: { ...site, digest: 'SHA-256' } })
  const weak = await register(office.socket, at)
  assert.equal(weak.status, 401)
  assert.deepEqual(
    weak.headers.filter(([name]) => /^www-authenticate$/i.test(name)).map(([, value]) => /algorithm=(\S+)$/.exec(value)?.[1]),
    ['SHA-256'],
  )
  assert.equal((await register(office.socket, { ...at, algorithm: 'SHA-256' })).status, 200)
})

test('F01 F02 a carrier that has to show who it is: address and digest, and a stranger still gets no answer at all', async () => {
  const world = await World.open({ voice: true })
  await using _ = world
  const accept = { user: 'carrier', password: createSealer(world.sealingKey).seal(ACCOUNT.password) }
  const demand = async (more: Partial<NonNullable<TrunkConfig['accept']>> = {}) => {
    const trunks = world.snapshot.trunks.map((t) => (t.name === 'main' ? { ...t, accept: { ...accept, ...more } } : t))
    await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
  }
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const to = { to: world.node, from: CALLER, number: DID }
  const carrier = { user: 'carrier', password: ACCOUNT.password }
  for (const algorithm of ['MD5', 'SHA-256'] as const) {
    await demand({ algorithm })
    const call = await withDigest(world.carrier, to, carrier, algorithm)
    await up(call)
    call.hangup()
    await world.quiet()
    const guess = await withDigest(world.carrier, to, { ...carrier, password: 'guess' }, algorithm)
    await over(guess)
    assert.equal(guess.report().final?.status, 401)
  }
  const before = (await world.events()).length
  const stranger = await FarEnd.open({ address: `${world.net}.9`, port: 5060, name: 'stranger', watched: [] })
  world.defer(() => stranger.close())
  const knock = await stranger.place(to)
  await new Promise((resolve) => setTimeout(resolve, 600))
  assert.deepEqual(
    knock.report().timeline.filter(({ what }) => what.startsWith('<')),
    [],
  )
  assert.equal((await world.events()).length, before, 'a challenge is no call')
})
