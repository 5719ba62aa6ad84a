import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TrunkConfig } from '#platform/words/index.ts'
import { DID, World } from '../call/harness.ts'
import { sleep, until } from '../peer/clock.ts'
import { startDns } from '../peer/dns.ts'
import { Kamailio, type KamailioOptions } from '../peer/kamailio.ts'
import type { Call } from '../peer/sip/call.ts'
import type { FarEnd } from '../peer/sip/far-end.ts'
import { headersOf, type Message } from '../peer/sip/message.ts'

const CALLER = '+32470123456'

interface Seen {
  message: Message
  from: string
}

/** Requests that a far end is sent, and by whom. */
function requestsTo({ socket }: FarEnd): Seen[] {
  const seen: Seen[] = []
  const receive = socket.onRequest
  socket.onRequest = (message, from) => {
    seen.push({ message, from: from.address })
    receive(message, from)
  }
  return seen
}

const first = (seen: Seen[], method: string) => seen.find(({ message }) => message.method === method)!
const vias = ({ message }: Seen) => headersOf(message, 'via').flatMap((via) => via.split(/,\s*SIP\//)).length

async function gateways(world: World, change: Record<string, Partial<TrunkConfig>>): Promise<void> {
  const trunks = world.snapshot.trunks.map((trunk) => ({ ...trunk, ...change[trunk.name] }))
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
}

async function proxy(world: World, last: number, options: Omit<KamailioOptions, 'address'>): Promise<Kamailio> {
  const kamailio = await Kamailio.start({ address: `${world.net}.${last}`, ...options })
  world.defer(() => kamailio[Symbol.dispose]())
  return kamailio
}

/** A call from the first carrier, through whatever stands between, to the second. */
async function call(world: World, to: string): Promise<{ caller: Call; callee: Call }> {
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const before = world.second.calls.length
  const caller = await world.carrier.place({ to: { address: to, port: 5060 }, from: CALLER, number: DID })
  await until('an answer', () => caller.phase !== 'setup', 6000)
  assert.equal(caller.phase, 'up', JSON.stringify(caller.report().final))
  const callee = world.second.calls[before]!
  await until('its ACK', () => callee.report().timeline.some(({ what }) => what === '< ACK'), 3000)
  return { caller, callee }
}

/** The answer to a re-INVITE, asked again where it met the end of the one before, whose ACK is on its way (RFC 3261 §14.1). */
async function reinvited(call: Call): Promise<number> {
  for (let refused = 0; ; refused++) {
    const status = await call.reinvite()
    if (status !== 491 || refused === 5) return status
    await sleep(300)
  }
}

test('S25 two record-routing Kamailios on each side: ACK, re-INVITE and BYE of both parties take all four, to Contacts behind them', {
  timeout: 60_000,
}, async () => {
  await using world = await World.open()
  const at = (last: number) => `sip:${world.net}.${last}:5060`
  // carrier .2 — .11 — .12 — switch — .13 — .14 — .3
  await proxy(world, 11, { onward: at(12), from: { [`${world.net}.12`]: at(2) } })
  await proxy(world, 12, { onward: at(1), from: { [world.node.address]: at(11) } })
  await proxy(world, 13, { onward: at(14) })
  await proxy(world, 14, { onward: at(3) })
  const gateway = (last: number) => ({ gateways: [{ address: `${world.net}.${last}`, port: 5060 }] })
  await gateways(world, { main: gateway(12), other: gateway(13) })
  const [toCarrier, toSecond] = [requestsTo(world.carrier), requestsTo(world.second)]
  for (const ends of ['caller', 'callee'] as const) {
    toCarrier.length = 0
    toSecond.length = 0
    const { caller, callee } = await call(world, `${world.net}.11`)
    const ack = first(toSecond, 'ACK')
    assert.deepEqual([ack.from, vias(ack)], [`${world.net}.14`, 3])
    assert.equal(ack.message.uri, `sip:second@${world.net}.3:5060`, 'the Contact, behind the proxies')
    assert.deepEqual(headersOf(ack.message, 'route'), [], 'each proxy has taken its own')
    assert.equal(await reinvited(caller), 200)
    assert.equal(await reinvited(callee), 200)
    const [forth, back] = [toSecond.filter(({ message }) => message.method === 'INVITE')[1]!, first(toCarrier, 'INVITE')]
    assert.deepEqual([forth.from, vias(forth), back.from, vias(back)], [`${world.net}.14`, 3, `${world.net}.11`, 3])
    await until('their ACKs', () => [toCarrier, toSecond].every((seen) => first(seen, 'ACK')), 3000)
    ;(ends === 'caller' ? caller : callee).hangup()
    await until('both to be over', () => caller.phase === 'ended' && callee.phase === 'ended', 4000)
    const seen = ends === 'caller' ? toSecond : toCarrier
    await until('the BYE', () => first(seen, 'BYE'), 3000)
    assert.deepEqual(
      [first(seen, 'BYE').from, vias(first(seen, 'BYE'))],
      [ends === 'caller' ? `${world.net}.14` : `${world.net}.11`, 3],
    )
    await until('its answer', () => (ends === 'caller' ? caller : callee).report().timeline.at(-1)?.what === '< 200 (BYE)', 3000)
    await world.quiet()
  }
})

test('S25 S42 Kamailio between TCP and UDP records itself twice: what is inside the dialog takes TCP to it and UDP behind it', {
  timeout: 60_000,
}, async () => {
  await using world = await World.open()
  const at = (last: number, more = '') => `sip:${world.net}.${last}:5060${more}`
  using dns = await startDns(`${world.net}.53`, {
    '_sip._tcp.carrier.example': { SRV: [{ port: 5060, target: 'edge.carrier.example' }] },
    'edge.carrier.example': `${world.net}.13`,
  })
  await proxy(world, 13, { tcp: true, onward: at(3) })
  await proxy(world, 12, { tcp: true, onward: at(1, ';transport=tcp') })
  await gateways(world, {
    main: { gateways: [{ address: `${world.net}.12`, port: 5060, transport: 'tcp' }] },
    other: { gateways: [{ address: 'carrier.example' }] },
  })
  const [toCarrier, toSecond] = [requestsTo(world.carrier), requestsTo(world.second)]
  const { caller, callee } = await call(world, `${world.net}.12`)
  assert.ok(dns.questions.some(({ name }) => name === '_sip._tcp.carrier.example'))
  const [invite] = toSecond
  const recorded = headersOf(invite!.message, 'record-route').join(',')
  assert.equal(recorded.match(/r2=on/g)?.length, 2, recorded)
  assert.match(headersOf(invite!.message, 'via').join(','), /SIP\/2\.0\/TCP /)
  assert.equal(await reinvited(caller), 200)
  assert.equal(await reinvited(callee), 200)
  const back = first(toCarrier, 'INVITE')
  assert.deepEqual([back.from, vias(back)], [`${world.net}.12`, 2])
  callee.hangup()
  await until('both to be over', () => caller.phase === 'ended', 4000)
  assert.match(headersOf(first(toCarrier, 'BYE').message, 'via').join(','), /SIP\/2\.0\/TCP /)
  const again = await call(world, `${world.net}.12`)
  again.caller.hangup()
  await until('the BYE at the other end', () => again.callee.phase === 'ended', 4000)
  await world.quiet()
})

test('S34 of two Kamailios by SRV the first is killed: the next call takes the second within 3 s, and the first when it is back', {
  timeout: 60_000,
}, async () => {
  await using world = await World.open()
  const at = (last: number) => `sip:${world.net}.${last}:5060`
  const srv = [13, 14].map((last, priority) => ({ priority, port: 5060, target: `k${last}.carrier.example` }))
  using _dns = await startDns(`${world.net}.53`, {
    '_sip._udp.carrier.example': { SRV: srv },
    'k13.carrier.example': `${world.net}.13`,
    'k14.carrier.example': `${world.net}.14`,
  })
  const kamailio = await proxy(world, 13, { onward: at(3) })
  await proxy(world, 14, { onward: at(3) })
  await gateways(world, { other: { gateways: [{ address: 'carrier.example' }], optionsSeconds: 1 } })
  const toSecond = requestsTo(world.second)
  const last = () => toSecond.filter(({ message }) => message.method === 'INVITE').at(-1)!.from
  const up = await call(world, world.node.address)
  assert.equal(last(), `${world.net}.13`)
  await kamailio.kill()
  const begun = performance.now()
  const next = await call(world, world.node.address)
  const ms = performance.now() - begun
  assert.ok(ms < 3000, `the next call took ${Math.round(ms)} ms`)
  assert.equal(last(), `${world.net}.14`)
  next.callee.hangup()
  await until('its end', () => next.caller.phase === 'ended', 4000)
  const state = async () => (await world.link.call('trunk.state', {})).flatMap(({ gateways }) => gateways.filter((g) => g.name))
  await until(
    'it to be known as down',
    async () => (await state()).find((g) => g.address.endsWith('.13'))?.state === 'down',
    15_000,
  )
  await proxy(world, 13, { onward: at(3) })
  await until('it to be back', async () => (await state()).every((g) => g.state === 'up'), 8000)
  // The call that was up all along ends by the proxy that has no memory of it: its Route says enough.
  up.caller.hangup()
  await until('its end', () => up.callee.phase === 'ended', 4000)
  const again = await call(world, world.node.address)
  assert.equal(last(), `${world.net}.13`)
  again.caller.hangup()
  await until('its end', () => again.callee.phase === 'ended', 4000)
  await world.quiet()
})
