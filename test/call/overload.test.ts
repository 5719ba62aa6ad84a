import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { test } from 'node:test'
import { sleep, until } from '../peer/clock.ts'
import { FloodPeer } from '../peer/index.ts'
import { floodMessage } from '../peer/sip/flood.ts'
import { RawEnd, rawRequest } from '../peer/sip/raw.ts'
import { DID, World } from './harness.ts'

const CALLER = '+32470123456'
/** Nobody's number: what is measured is the switch, not our far ends, which would have to answer. */
const NOBODY = '+3225550999'

/** A tenth of the flood that `npm run bench -- flood` makes: as many a second, for 6 s instead of 60. */
const PER_SECOND = 20_000
const FLOOD_MS = 6000
const TCP_CONNECTIONS = 40

const figure = (pid: number, file: 'status' | 'stat', pattern: RegExp) =>
  pattern
    .exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))!
    .slice(1)
    .map(Number)
const residentMebibytes = (pid: number) => figure(pid, 'status', /^VmRSS:\s+(\d+) kB/m)[0]! / 1024
/** User and system time, ms; Linux counts in hundredths of a second. */
const cpuMs = (pid: number) => {
  const [user, system] = figure(pid, 'stat', /\) \S+(?: \S+){10} (\d+) (\d+)/)
  return 10 * (user! + system!)
}

/** INVITEs of a trunk gone mad by connections, one after the other, until it is over. */
async function floodByTcp(world: World, from: RawEnd, over: () => boolean): Promise<number> {
  const sockets = Array.from({ length: TCP_CONNECTIONS }, () => {
    const socket = connect({ host: world.node.address, port: 5060, localAddress: from.at.address })
    socket.on('error', () => {})
    socket.resume()
    return socket
  })
  let sent = 0
  while (!over()) {
    for (const socket of sockets) {
      if (socket.writableNeedDrain || socket.closed) continue
      socket.write(
        rawRequest('INVITE', { from: from.at, to: world.node, user: NOBODY, n: `tcp${sent++}` }).replace('/UDP', '/TCP'),
      )
    }
    await sleep(20)
  }
  for (const socket of sockets) socket.destroy()
  return sent
}

test('F06 F01 20,000 messages a second, half of them of a trunk gone mad, and its connections: memory is bounded, a call keeps its sound, and calls go on within 10 s', {
  timeout: 120_000,
}, async () => {
  await using world = await World.open({ voice: true, log: 'error' })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5, tone: 700 }]
  const place = () => world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  const held = await place()
  const heard = () => (held.report().media?.heard ?? []).filter(({ what }) => what === 700).length
  await until('its sound', () => held.phase === 'up' && heard() > 1, 5000)
  const { pid } = world.child('switch')
  const before = residentMebibytes(pid!)
  await using mad = new FloodPeer('mad', [])
  await using strangers = new FloodPeer('strangers', [])
  await using byTcp = await RawEnd.open(`${world.net}.3`)
  let over = false
  const flood = (peer: FloodPeer, last: number) =>
    peer.flood({
      from: `${world.net}.${last}`,
      to: world.node,
      perSecond: PER_SECOND / 2,
      ms: FLOOD_MS,
      what: { user: NOBODY },
    })
  const tcp = floodByTcp(world, byTcp, () => over)
  const [ofTrunk, ofStrangers] = await Promise.all([flood(mad, 3), flood(strangers, 9)])
  over = true
  const connections = await tcp
  const ended = performance.now()
  const peak = residentMebibytes(pid!)
  // As much of it as this machine can send.
  assert.ok(ofTrunk.sent + ofStrangers.sent > 0.5 * PER_SECOND * (FLOOD_MS / 1000), JSON.stringify([ofTrunk, ofStrangers]))
  assert.ok(connections > 500, `${connections} by TCP`)
  assert.equal(ofStrangers.heard, 0, 'a stranger hears nothing')
  assert.ok(peak - before < 256, `the switch has grown by ${Math.round(peak - before)} MiB`)
  const next = await until(
    'a new call within a second',
    async () => {
      const call = await place()
      const up = await until('an answer', () => call.phase === 'up', 1000).catch(() => false)
      if (!up) call.cancel()
      return up ? call : null
    },
    30_000,
  )
  const recovered = performance.now() - ended
  assert.ok(recovered < 10_000, `after ${Math.round(recovered)} ms`)
  const { media, phase } = held.report()
  assert.equal(phase, 'up')
  const [count, gap] = [heard(), media!.largestGapMs]
  assert.ok(gap < 1000, `its sound stood still for ${Math.round(gap)} ms`)
  await until('its sound to go on', () => heard() > count, 3000)
  for (const call of [held, next]) call.hangup()
  await world.quiet(60_000)
})

test('F01 a scanner costs little: of 500 messages a second a tenth of a core at most, and nobody is answered', async () => {
  await using world = await World.open({ log: 'error' })
  await using scanner = await RawEnd.open(`${world.net}.9`)
  const pid = world.child('switch').pid!
  const flood = () => scanner.flood(floodMessage(scanner, world.node, DID), world.node, 500, 3000)
  await flood() // it is compiled by now
  const before = cpuMs(pid)
  await flood()
  const share = (cpuMs(pid) - before) / 3000
  assert.ok(share < 0.3, `${Math.round(100 * share)} % of a core, which is more than three times 10 %`)
  assert.deepEqual(scanner.heard, [])
  assert.deepEqual(await world.events(), [])
})

test('F06 a switch that lags sheds new INVITEs with 503 and Retry-After, and nothing else: calls that are up, OPTIONS, an emergency; soon it takes all again', async () => {
  await using world = await World.open({ voice: true, log: 'error', load: { shedAboveMs: 250 } })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  world.carrier.rules = [{ user: '112', does: 486 }]
  const held = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => held.phase === 'up', 3000)
  await using trunk = await RawEnd.open(`${world.net}.2`)
  await using prober = await RawEnd.open(`${world.net}.2`)
  await using site = await RawEnd.open(`${world.net}.74`)
  const { pid } = world.child('switch')
  const ask = (end: RawEnd, to: World['node'], method: string, user: string, n: string) =>
    end.ask(rawRequest(method, { from: end.at, to, user, n }), to, 1500)
  process.kill(pid!, 'SIGSTOP')
  await sleep(2000)
  process.kill(pid!, 'SIGCONT')
  await sleep(20)
  // All at once: it is late for less than half a second from now on.
  const [invite, options, emergency, reinvite] = await Promise.all([
    ask(trunk, world.node, 'INVITE', DID, 'shed'),
    ask(prober, world.node, 'OPTIONS', DID, 'alive'),
    ask(site, world.siteSwitch, 'INVITE', '112', 'emergency'),
    held.reinvite(),
  ])
  assert.deepEqual([invite, options, reinvite, emergency], [503, 200, 200, 486])
  assert.match(trunk.heard.find((message) => message.includes('503'))!, /\r\nRetry-After: \d+\r\n/)
  await until(
    'it to take calls again',
    async () => {
      const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
      await until('a decision', () => call.phase !== 'setup', 3000)
      const up = call.phase === 'up'
      call.hangup()
      return up
    },
    3000,
  )
  const shed = (await world.link.call('metrics', {})).find(({ name }) => name === 'tieline_sip_shed_total')
  assert.ok(shed!.samples[0]!.value >= 1)
  held.hangup()
  await world.quiet()
})
