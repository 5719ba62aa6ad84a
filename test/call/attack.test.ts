import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { floodMessage } from '../peer/sip/flood.ts'
import { RawEnd, rawRequest } from '../peer/sip/raw.ts'
import { DID, World } from './harness.ts'
import { addNeighbour, setUps } from './neighbour.ts'

const CALLER = '+32470123456'

/** A call that is up from the carrier to the other, and its dialog with the carrier as the switch has seen it. */
async function upCall(world: World) {
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => call.phase === 'up', 5000)
  const [view] = await world.link.call('call.list', {})
  const trace = await world.link.call('call.trace', { call: view!.id })
  const messages = trace!.entries.flatMap((entry) => (entry.kind === 'sip' ? [entry.message] : []))
  const answer = messages.find((message) => message.startsWith('SIP/2.0 200') && message.includes(call.callId))!
  const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(answer)![1]!.trim()
  return { call, dialog: { callId: call.callId, from: header('From'), to: header('To') } }
}

function residentMebibytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}

test('F02 only an INVITE of a trunk or a site starts anything: every other method, from anywhere, starts nothing', async () => {
  await using world = await World.open()
  await using trunk = await RawEnd.open(`${world.net}.2`)
  await using site = await RawEnd.open(`${world.net}.75`)
  await using stranger = await RawEnd.open(`${world.net}.9`)
  const methods = [
    'REGISTER',
    'SUBSCRIBE',
    'MESSAGE',
    'REFER',
    'NOTIFY',
    'PUBLISH',
    'INFO',
    'UPDATE',
    'PRACK',
    'BYE',
    'CANCEL',
    'FOO',
  ]
  let n = 0
  for (const method of methods) {
    const of = (end: RawEnd, to = world.node) => end.ask(rawRequest(method, { from: end.at, to, user: DID, n: n++ }), to)
    const [trunkSays, siteSays, strangerHears] = await Promise.all([of(trunk), of(site, world.siteSwitch), of(stranger)])
    assert.ok(trunkSays !== null && trunkSays >= 400, `${method} from a trunk is refused, not answered with ${trunkSays}`)
    if (method !== 'REGISTER') assert.ok(siteSays !== null && siteSays >= 400, `${method} from a site: ${siteSays}`)
    assert.equal(strangerHears, null, `${method} from a stranger`)
  }
  for (const method of ['INVITE', 'OPTIONS']) {
    assert.equal(
      await stranger.ask(rawRequest(method, { from: stranger.at, to: world.node, user: DID, n: n++ }), world.node),
      null,
    )
  }
  assert.equal(stranger.heard.length, 0, 'F01')
  const dialog = { callId: 'none', from: '<sip:a@b>;tag=1', to: '<sip:c@d>;tag=2' }
  const replaces = rawRequest('REFER', { from: trunk.at, to: world.node, user: DID, n, dialog })
  assert.equal(await trunk.ask(replaces, world.node), 481)
  await world.quiet()
  assert.deepEqual(await world.events(), [])
  assert.equal(world.second.calls.length + world.pbx.calls.length, 0, 'nothing has left')
})

test('F04 with the right Call-ID and tags, but from elsewhere, nothing is taken, and the call goes on', async () => {
  await using world = await World.open()
  const { call, dialog } = await upCall(world)
  await using rival = await RawEnd.open(`${world.net}.3`)
  await using stranger = await RawEnd.open(`${world.net}.9`)
  for (const [n, method] of ['BYE', 'INVITE', 'INFO', 'UPDATE', 'REFER'].entries()) {
    // The caller's own side of the dialog, as the 200 to its INVITE has it.
    const forged = (end: RawEnd) => rawRequest(method, { from: end.at, to: world.node, user: DID, n, dialog })
    const status = await rival.ask(forged(rival), world.node)
    assert.ok(status === 481 || status === 403, `${method} from another trunk: ${status}`)
    assert.equal(await stranger.ask(forged(stranger), world.node, 100), null)
  }
  stranger.send(
    `SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKx\r\nFrom: ${dialog.from}\r\nTo: ${dialog.to}\r\nCall-ID: ${dialog.callId}\r\nCSeq: 1 BYE\r\n\r\n`,
    world.node,
  )
  assert.equal(call.phase, 'up')
  assert.equal((await world.link.call('call.list', {})).length, 1)
  call.hangup()
  await world.quiet()
  const cleared = (await world.events()).at(-1)
  assert.deepEqual([cleared?.cause?.by, cleared?.cause?.reason], ['caller', 'hangup'])
})

test('F06 F01 floods of a trunk and of strangers: memory is bounded, the call that is up is unharmed, new calls go on', async () => {
  const load = { requestsPerSecond: 100, transactionsPerSource: 300 }
  await using world = await World.open({ load })
  const { call } = await upCall(world)
  await using mad = await RawEnd.open(`${world.net}.3`)
  await using scanner = await RawEnd.open(`${world.net}.9`)
  const before = residentMebibytes(world.child('switch').pid!)
  const flood = (end: RawEnd) => end.flood(floodMessage(end, world.node, DID), world.node, 1000, 6000)
  const [sent] = await Promise.all([flood(mad), flood(scanner)])
  assert.ok(sent >= 5000, `${sent} messages left`)
  const status = await world.link.call('status', {})
  assert.ok(status.transactions < 2000, `${status.transactions} transactions`)
  const grown = residentMebibytes(world.child('switch').pid!) - before
  assert.ok(grown < 150, `the switch has grown by ${grown} MiB`)
  assert.equal(scanner.heard.length, 0, 'F01: a scanner hears nothing')
  assert.ok(mad.heard.some((message) => message.startsWith('SIP/2.0 503') && /^Retry-After: \d+/m.test(message)))
  assert.equal(call.phase, 'up')
  const other = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('a new call of the quiet trunk', () => other.phase === 'up', 10_000)
  const ended = performance.now()
  call.hangup()
  other.hangup()
  await until('the end', () => call.phase === 'ended' && other.phase === 'ended', 10_000)
  assert.ok(performance.now() - ended < 10_000)
})

test('T11 a site that floods has what is its own, and a neighbour’s calls are set up as fast as ever', async () => {
  await using world = await World.open({ load: { siteRequestsPerSecond: 20 } })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const neighbour = await addNeighbour(world)
  const before = await setUps(world, neighbour)
  await using mad = await RawEnd.open(`${world.net}.75`)
  const flood = mad.flood(floodMessage(mad, world.siteSwitch, '101'), world.siteSwitch, 500, 4000)
  const during = await setUps(world, neighbour)
  assert.ok((await flood) >= 1800)
  assert.ok(
    mad.heard.some((message) => message.startsWith('SIP/2.0 503')),
    'it is told to ask less',
  )
  assert.ok(during < 3 * before + 30, `${during} ms beside ${before} ms before`)
  await world.quiet(20_000)
})

test('O01 a switch that is told to stop lets a hundred calls go on, refuses new ones with 503 and Retry-After, and ends with the last', async () => {
  await using world = await World.open({ load: { drainSeconds: 60 } })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const place = (i: number) => world.carrier.place({ to: world.node, from: `+3247012${3000 + i}`, number: DID })
  const calls = await Promise.all(Array.from({ length: 100 }, (_, i) => place(i)))
  await until('all to be up', () => calls.every(({ phase }) => phase === 'up'), 10_000)
  await until('their ACKs', () => world.second.calls.filter(({ phase }) => phase === 'up').length === 100, 3000)
  const child = world.child('switch')
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await until('draining', async () => (await world.link.call('status', {})).draining, 2000)
  const late = await place(100)
  await until('a refusal', () => late.phase === 'ended', 2000)
  assert.equal(late.report().final?.status, 503)
  assert.match(late.report().final?.headers['Retry-After'] ?? '', /^\d+$/)
  await using prober = await RawEnd.open(`${world.net}.2`)
  const options = rawRequest('OPTIONS', { from: prober.at, to: world.node, user: DID, n: 1 })
  assert.equal(await prober.ask(options, world.node), 503, 'whoever asks is told to send nothing here')
  // What is inside of a call is answered as ever.
  assert.equal(await calls[0]!.reinvite(), 200)
  assert.equal(await world.second.calls[1]!.reinvite(), 200)
  assert.ok(calls.every(({ phase }) => phase === 'up'))
  for (const [i, call] of calls.entries()) if (i > 0 && i % 2 === 0) call.hangup()
  for (const call of world.second.calls.slice(1)) call.hangup()
  await until('ninety-nine to be over', async () => (await world.link.call('status', {})).calls === 1, 10_000)
  assert.equal(child.exitCode, null)
  calls[0]!.hangup()
  assert.equal(await gone, 0)
  world.children.delete('switch')
  await world.startSwitch()
  const ends = (await world.events()).filter(({ type }) => type === 'call.cleared')
  assert.deepEqual([ends.length, new Set(ends.map(({ cause }) => cause?.reason))], [100, new Set(['hangup'])])
})

test('O01 at the deadline, or at the second signal, calls that are left get BYE and their leases an end', async () => {
  for (const how of ['deadline', 'signal'] as const) {
    await using world = await World.open({ load: { drainSeconds: how === 'deadline' ? 1 : 60 } })
    const { call } = await upCall(world)
    const child = world.child('switch')
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await until('draining', async () => (await world.link.call('status', {})).draining, 2000)
    if (how === 'signal') child.kill('SIGTERM')
    assert.equal(await gone, 0)
    await until('BYE', () => call.phase === 'ended', 2000)
    world.children.delete('switch')
    await world.startSwitch()
    const leases = await world.leases()
    assert.ok(leases.length > 0 && leases.every(({ answered, released }) => answered && released === 'switch-stopped'), how)
  }
})

test('O01 a drained node takes an emergency call, and after resume every call', async () => {
  await using world = await World.open({ voice: true })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  assert.deepEqual(await world.link.call('drain', { on: true }), { draining: true, calls: 0 })
  const emergency = await world.pbx.place({ to: world.siteSwitch, from: '101', number: '112' })
  await until('the emergency call', () => emergency.phase === 'up', 2000)
  emergency.hangup()
  await world.quiet()
  await world.link.call('drain', { on: false })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => call.phase === 'up', 2000)
  call.hangup()
  await world.quiet()
})
