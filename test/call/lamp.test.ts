import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newId } from '#lib/index.ts'
import { createSealer } from '#platform/subscriber/index.ts'
import { until } from '../peer/clock.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { headerOf } from '../peer/sip/message.ts'
import { register } from '../peer/sip/register.ts'
import { type SubscribeOptions, Watcher } from '../peer/sip/subscribe.ts'
import { DID, World } from './harness.ts'

const CALLER = '+32470123456'
const PASSWORD = 'circle of life'
const NEIGHBOUR = '+3225550777'

let world: World
/** The telephone 101 of acme, which rings; 102, which watches; and both of globex at one place. */
let desk: FarEnd
let console102: FarEnd
let theirs: FarEnd
const globex = newId('sub')

const theirSwitch = () => ({ address: `${world.net}.67`, port: 5060 })

before(async () => {
  world = await World.open({ voice: true })
  const password = createSealer(world.sealingKey).seal(PASSWORD)
  const telephones = ['101', '102', '103'].map((name) => ({ name, password }))
  const users = [{ name: 'sales', ring: [{ at: [{ user: '101' }], seconds: 60 }] }]
  const [acme] = world.snapshot.subscribers
  const own = { ...acme!, telephones, users, defaultRoute: { user: 'sales' } }
  const channel = { ...acme!.channel, address: theirSwitch().address }
  const other = {
    ...{ ...acme!, id: globex, name: 'globex', slot: 1, numbers: [{ number: NEIGHBOUR }], channel },
    ...{ telephones: [...telephones, { name: 'secret', password }], defaultRoute: { user: '101' } },
  }
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, subscribers: [own, other] })
  const { id } = world.sockets.hold({ realm: globex, namespace: null, purpose: 'sip', ...theirSwitch() })
  await world.sockets.handOver(id, world.child('switch'))
  const open = async (last: number, name: string) => {
    const end = await FarEnd.open({ address: `${world.net}.${last}`, port: 5060, name, watched: [400, 700] })
    world.defer(() => end.close())
    end.rules = [{ user: '*', does: 'ring' }]
    return end
  }
  desk = await open(75, 'desk')
  console102 = await open(76, 'console')
  theirs = await open(77, 'theirs')
  await enter(desk, '101')
  await enter(console102, '102')
  for (const user of ['101', '102']) await enter(theirs, user, theirSwitch())
})
after(() => world[Symbol.asyncDispose]())

async function enter(end: FarEnd, user: string, to = world.siteSwitch, expires = 600) {
  assert.equal((await register(end.socket, { to, user, password: PASSWORD, expires })).status, 200)
}

function watch(watched: string, more: Partial<SubscribeOptions> = {}, end = console102): Watcher {
  return new Watcher(end.socket, { to: world.siteSwitch, user: '102', password: PASSWORD, watched, expires: 120, ...more })
}

const states = (watcher: Watcher) => watcher.last?.states.join(' ')
const shows = (watcher: Watcher, what: string) => until(`${what} on a lamp`, () => states(watcher) === what, 4000)
const attribute = (text: string, name: string) => new RegExp(` ${name}="([^"]*)"`).exec(text)?.[1] ?? ''
const subscriptions = async () => {
  const metric = (await world.link.call('metrics', {})).find(({ name }) => name === 'tieline_sip_subscriptions')
  return metric!.samples[0]!.value
}
const place = (number = DID) => world.carrier.place({ to: world.node, from: CALLER, number })

test('RFC 4235 a lamp shows a call that rings, by what it is picked up, that it is answered, and that it is over', async () => {
  const lamp = watch('101')
  const asked = await lamp.ask()
  assert.deepEqual([asked.status, headerOf(asked, 'expires')], [200, '120'])
  await until('its first state', () => lamp.last, 2000)
  assert.match(lamp.last!.state, /^active;expires=1(19|20)$/)
  assert.deepEqual([lamp.last!.version, lamp.last!.states], [0, []])
  const group = watch('sales')
  await group.ask()
  const call = await place()
  await shows(lamp, 'early')
  await shows(group, 'early')
  const { body } = lamp.last!
  assert.match(body, /direction="recipient"><state>early<\/state><remote><identity>sip:\+32470123456@/)
  assert.match(body, /state="full" entity="sip:101@/)
  // As RFC 5359 §2.16 has it: whoever picks up names the dialog from the side of the one who called.
  const [callId, local, remote] = ['call-id', 'local-tag', 'remote-tag'].map((name) => attribute(body, name))
  const replaces: [string, string] = ['Replaces', `${callId};to-tag=${remote};from-tag=${local}`]
  const picker = await world.pbx.place({ to: world.siteSwitch, from: '102x', number: '101', headers: [replaces] })
  await until('both to be up', () => call.phase === 'up' && picker.phase === 'up', 4000)
  await shows(lamp, 'terminated')
  await shows(group, 'terminated')
  picker.hangup()
  await world.quiet()

  desk.rules = [{ user: '*', does: 'answer', ringMs: 20 }]
  const answered = await place()
  await until('it to be up', () => answered.phase === 'up', 4000)
  await shows(lamp, 'confirmed')
  assert.doesNotMatch(lamp.last!.body, /call-id|remote|32470/, 'whoever knows the name of a dialog could take it over')
  answered.hangup()
  await shows(lamp, 'terminated')
  desk.rules = [{ user: '*', does: 'ring' }]
  const versions = lamp.told.map(({ version }) => version)
  assert.deepEqual(
    versions,
    versions.map((_, i) => i),
  )
  assert.equal((await lamp.ask(0)).status, 200)
  await until('its end', () => /terminated;reason=timeout/.test(lamp.last!.state), 2000)
  assert.equal((await lamp.ask(60)).status, 481)
  await group.ask(0)
  await world.quiet()
  assert.equal(await subscriptions(), 0)
})

test('S29 whoever has seen a call ring and asks for it when it is answered has not got it', async () => {
  const lamp = watch('101')
  await lamp.ask()
  desk.rules = [{ user: '*', does: 'answer', ringMs: 1500 }]
  const call = await place()
  await shows(lamp, 'early')
  const { body } = lamp.last!
  const [callId, local, remote] = ['call-id', 'local-tag', 'remote-tag'].map((name) => attribute(body, name))
  await until('it to be answered', () => call.phase === 'up', 4000)
  const headers: [string, string][] = [['Replaces', `${callId};to-tag=${remote};from-tag=${local}`]]
  const late = await world.pbx.place({ to: world.siteSwitch, from: '102x', number: '101', headers })
  await until('a refusal', () => late.phase === 'ended', 4000)
  assert.equal(late.report().final?.status, 486)
  assert.deepEqual([call.phase, desk.calls.at(-1)!.phase], ['up', 'up'])
  call.hangup()
  desk.rules = [{ user: '*', does: 'ring' }]
  await lamp.ask(0)
  await world.quiet()
})

test('RFC 6665 who subscribes to what it may not is refused, and learns nothing of other sites', async () => {
  const refused = async (watcher: Watcher) => (await watcher.ask()).status
  assert.equal(await refused(watch('101', { event: 'presence' })), 489)
  assert.equal(headerOf(await watch('101', { event: 'message-summary' }).ask(), 'allow-events'), 'dialog')
  for (const name of ['nobody', 'secret', 'x'.repeat(200)]) assert.equal(await refused(watch(name)), 404, name)
  assert.equal(await refused(watch('101', { password: 'wrong' })), 401)
  assert.equal(await refused(watch('101', { as: '101' })), 403, 'it shows the name of another')
  assert.equal(await refused(watch('101', { user: '103' })), 403, 'it is not registered')
  assert.equal(await refused(watch('101', {}, desk)), 403, 'it is registered elsewhere')
  assert.equal(await refused(watch('101', { expires: 5 })), 423)
  assert.equal(await refused(watch('101', { headers: [['Accept', 'text/plain']] })), 406)
  assert.equal(await refused(watch('101', { to: world.node }, world.carrier)), 405, 'on the trunk side')
  const poll = watch('101', { expires: 0 })
  assert.equal(headerOf(await poll.ask(), 'expires'), '0')
  await until('the state, once', () => /terminated/.test(poll.last?.state ?? ''), 2000)
  assert.match(poll.last!.body, /<dialog-info/)
  assert.equal(
    headerOf(await watch('103', { expires: 9999 }).ask(), 'expires'),
    '300',
    'no longer than a dead switch may go unnoticed',
  )
  const before = await subscriptions()
  const many = Array.from({ length: 128 }, () => watch('103', { expires: 30 }))
  const answers: (number | undefined)[] = []
  for (const watcher of many) answers.push(await refused(watcher))
  assert.deepEqual([...new Set(answers)], [200, 403])
  assert.equal(await subscriptions(), 128, `${before} before`)
  // Whoever does not want to be told is told nothing more.
  for (const watcher of many) watcher.answer = 481
  for (const watcher of many) await watcher.ask(60)
  await until('an end of all but one', async () => (await subscriptions()) <= before, 4000)
})

test('T01 the same names at two sites: each sees its own calls alone', async () => {
  const own = watch('101')
  const other = watch('101', { to: theirSwitch() }, theirs)
  for (const lamp of [own, other]) assert.equal((await lamp.ask()).status, 200)
  const call = await place()
  await shows(own, 'early')
  const another = await place(NEIGHBOUR)
  await shows(other, 'early')
  assert.notEqual(attribute(own.last!.body, 'call-id'), attribute(other.last!.body, 'call-id'))
  assert.equal(other.told.length, 2, 'its first state, and its own call')
  for (const { body } of own.told) assert.ok(!body.includes(attribute(other.last!.body, 'id')))
  call.cancel()
  another.cancel()
  await shows(own, 'terminated')
  await shows(other, 'terminated')
  for (const lamp of [own, other]) await lamp.ask(0)
  await world.quiet()
})

test('RFC 4235 §3.10 no lamp is told faster than once a second, and then of what is so at last', async () => {
  const lamp = watch('101')
  await lamp.ask()
  await until('its first state', () => lamp.last, 2000)
  const calls = []
  for (let i = 0; i < 4; i++) {
    const call = await place()
    await until('its ringing', () => call.report().timeline.some(({ what }) => what === '< 180'), 3000)
    calls.push(call)
  }
  await shows(lamp, 'early early early early')
  for (const call of calls) call.cancel()
  await shows(lamp, 'terminated terminated terminated terminated')
  const gaps = lamp.told.slice(1).map(({ at }, i) => at - lamp.told[i]!.at)
  assert.ok(lamp.told.length <= 5 && gaps.every((gap) => gap > 900), `${gaps}`)
  await world.quiet()

  // It goes with the registration of who watches, and with the user who is watched.
  const gone = watch('sales')
  await gone.ask()
  const [acme, other] = world.snapshot.subscribers
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, subscribers: [{ ...acme!, users: [] }, other!] })
  await until('its end', () => /terminated;reason=noresource/.test(gone.last?.state ?? ''), 3000)
  await enter(console102, '102', world.siteSwitch, 0)
  await until('its end', () => /terminated;reason=timeout/.test(lamp.last!.state), 3000)
  assert.equal(lamp.last!.body, '')
  assert.equal((await watch('101').ask()).status, 403)
  await enter(console102, '102')
  assert.equal((await lamp.ask()).status, 481)
})

test('after a restart a lamp is subscribed anew: at once where the switch has stopped, else with its next refresh', async () => {
  const lamp = watch('101')
  await lamp.ask()
  await world.kill('switch')
  await world.startSwitch()
  assert.equal((await lamp.ask()).status, 481)
  const next = watch('101')
  assert.equal((await next.ask()).status, 200)
  await until('its first state', () => next.last, 2000)
  assert.equal(await world.kill('switch', 'SIGTERM'), 0)
  await until('the word of the switch that stops', () => /terminated;reason=deactivated/.test(next.last!.state), 2000)
})
