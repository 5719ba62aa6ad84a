import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import { DID, World } from '../call/harness.ts'
import { until } from '../peer/clock.ts'
import { Twinkle, type TwinkleOptions } from '../peer/twinkle.ts'

const PASSWORD = 'circle-of-life'
const CALLER = '+32470123456'
const types = async (world: World) => (await world.events()).map(({ type }) => type)

/** A world whose telephone 101 is Twinkle: registered, and called for the number. */
async function openWith(reliable: TwinkleOptions['reliable']) {
  const world = await World.open({ voice: true })
  const { channel } = world.snapshot.subscribers[0]!
  await world.change({
    telephones: [{ name: '101', password: createSealer(world.sealingKey).seal(PASSWORD) }],
    defaultRoute: { user: '101' },
    channel: { ...channel, siteNetworks: [...channel.siteNetworks, '127.0.0.1/32'] },
  })
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 200, tone: 425 }]
  const at = world.siteSwitch.address
  const register = { at, password: PASSWORD }
  const twinkle = Twinkle.start({ port: 14_000 + randomInt(100) * 2, user: '101', register, ...(reliable ? { reliable } : {}) })
  world.defer(() => twinkle[Symbol.asyncDispose]())
  const contacts = async () => (await world.link.call('telephone.list', { subscriber: world.acme }))[0]?.contacts ?? []
  await until('its registration', async () => (await contacts()).length === 1, 8000)
  return { world, twinkle, at }
}

/** What went to Twinkle and came from it in the calls so far. */
async function traced(world: World): Promise<string[]> {
  const calls = new Set((await world.events()).flatMap(({ call }) => call ?? []))
  const traces = await Promise.all([...calls].map((call) => world.link.call('call.trace', { call })))
  return traces.flatMap((trace) => trace!.entries.flatMap((entry) => (entry.kind === 'sip' ? [entry.message] : [])))
}

test('S12 Twinkle as a telephone that requires reliable ringing: it sends PRACK for ours and has one for its own; it holds, retrieves, sends keys', async () => {
  const { world, twinkle, at } = await openWith('required')
  await using _ = world
  twinkle.command(`call sip:+32470888888@${at}`)
  await until('an answer', () => world.carrier.calls[0]?.phase === 'up', 6000)
  const far = world.carrier.calls[0]!
  await until('its answer', () => twinkle.said.includes('far end answered'), 4000)
  twinkle.command('hold')
  await until('the hold', async () => (await types(world)).includes('leg.held'), 4000)
  twinkle.command('retrieve')
  await until('the retrieval', async () => (await types(world)).includes('leg.retrieved'), 4000)
  twinkle.command('dtmf 5')
  await until('its key', () => far.report().media?.digits === '5', 4000)
  twinkle.command('bye')
  await until('the end', () => far.phase === 'ended', 4000)

  const call = await world.second.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => call.phase === 'up', 5000)
  call.hangup()
  await world.quiet()
  const messages = await traced(world)
  const has = (what: RegExp) =>
    assert.ok(
      messages.some((message) => what.test(message)),
      String(what),
    )
  has(/^INVITE [\s\S]*^Require: 100rel[\s\S]*^User-Agent: Twinkle/m)
  has(/^PRACK [\s\S]*^RAck: [\s\S]*^User-Agent: Twinkle/m)
  has(/^SIP\/2\.0 180 [\s\S]*^Require: 100rel[\s\S]*^Server: Twinkle/m)
  has(/^PRACK sip:101@127\.0\.0\.1/)
})

test('S26 S28 Twinkle transfers its caller blindly, then another one to whom it has asked first', async () => {
  const { world, twinkle, at } = await openWith('supported')
  await using _ = world
  for (const [n, commands] of [['transfer sip:+32470999999@'], ['transfer -c sip:+32470888888@', 'transfer -c']].entries()) {
    const call = await world.second.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
    await until('an answer', () => call.phase === 'up', 5000)
    const [first, second] = commands
    twinkle.command(first + at)
    await until('the target', () => world.carrier.calls[n]?.phase === 'up', 6000)
    const target = world.carrier.calls[n]!
    if (second) {
      await until('its answer', () => twinkle.said.includes('far end answered'), 4000)
      twinkle.command(second)
    }
    const heard = (who: typeof call | typeof target, what: number) =>
      (who.report().media?.heard ?? []).filter((h) => h.what === what).length
    await until('the two to hear each other', () => heard(call, 425) >= 2 && heard(target, 400) >= 2, 6000)
    call.hangup()
    await until('its end', () => target.phase === 'ended', 4000)
    await world.quiet()
  }
  // The second is told of in both of its calls.
  assert.equal((await types(world)).filter((type) => type === 'leg.transferred').length, 3)
  assert.ok((await traced(world)).some((message) => /^REFER [\s\S]*^Refer-To: .*Replaces=[\s\S]*Twinkle/m.test(message)))
})
