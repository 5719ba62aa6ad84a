import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { test } from 'node:test'
import { ladder } from '../../src/main/cli/ladder.ts'
import { until } from '../peer/clock.ts'
import { chunksOf } from '../peer/hep.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, World } from './harness.ts'
import { Program } from './program.ts'

const CALLER = '+32470123456'

async function oneCall(world: World, headers: [string, string][] = []) {
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 20 }]
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, headers })
  await until('an answer', () => call.phase === 'up', 2000)
  const [live] = await world.link.call('call.list', {})
  call.hangup()
  await world.quiet()
  return { id: live!.id, caller: call.callId, callee: world.second.calls[0]!.report().callId }
}

/** `INVITE` or `200 INVITE`, with the side and direction. */
function shape(message: string): string {
  const [start = ''] = message.split('\r\n')
  const method = /^CSeq: \d+ (\S+)/im.exec(message)?.[1] ?? ''
  return start.startsWith('SIP/2.0') ? `${start.slice(8, 11)} ${method}` : start.split(' ')[0]!
}

test('O03 the trace of a call that has ended has every message of both legs, its leases and events, within 1 s', async () => {
  await using world = await World.open()
  const { id, caller, callee } = await oneCall(world, [['Authorization', 'Digest username="u", response="deadbeef"']])
  // The call is over with its BYE; the answer to that comes a moment later.
  const trace = await until(
    'the last answer',
    async () => {
      const known = await world.link.call('call.trace', { call: id })
      const last = known?.entries.findLast((entry) => entry.kind === 'sip')
      return last?.direction === 'in' && shape(last.message) === '200 BYE' ? known : null
    },
    1000,
  )
  assert.equal(trace.subscriber, world.acme)
  const sip = trace.entries.flatMap((entry) => (entry.kind === 'sip' ? [entry] : []))
  const of = (callId: string) =>
    sip.filter(({ message }) => message.includes(callId)).map((m) => `${m.direction} ${shape(m.message)}`)
  assert.deepEqual(of(caller), [
    ...['in INVITE', 'out 100 INVITE', 'out 180 INVITE', 'out 200 INVITE', 'in ACK', 'in BYE', 'out 200 BYE'],
  ])
  assert.deepEqual(of(callee), [
    ...['out INVITE', 'in 100 INVITE', 'in 180 INVITE', 'in 200 INVITE', 'out ACK', 'out BYE', 'in 200 BYE'],
  ])
  assert.equal(of(caller).length + of(callee).length, sip.length)
  assert.equal(new Set(sip.map(({ leg }) => leg)).size, 2)
  assert.doesNotMatch(JSON.stringify(trace), /deadbeef/, 'F15')
  const leases = trace.entries.flatMap((entry) => (entry.kind === 'lease' ? [`${entry.resource} ${entry.what}`] : []))
  assert.deepEqual(leases.sort(), ['trunk.in released', 'trunk.in taken', 'trunk.out released', 'trunk.out taken'])
  const events = trace.entries.flatMap((entry) => (entry.kind === 'event' ? [entry.type] : []))
  assert.deepEqual([events[0], events.at(-1)], ['call.offered', 'call.cleared'])
  const text = ladder(trace, { messages: false }).join('\n')
  assert.match(text, /A {2}switch <-+ INVITE( SDP)? --/)
  assert.match(text, /B {2}switch --* INVITE( SDP)? -+> trunk/)
  await world.kill('switch')
  await world.startSwitch()
  const again = await world.link.call('call.trace', { call: id })
  assert.deepEqual(again?.entries, trace.entries, 'also after the switch was killed')
})

test('O03 the ladder of a call that a program has commanded tells of its commands and how they ended, of what was leased, and how each leg sounded', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 20, tone: 700 }]
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.play', { tone: [{ frequencies: [425], onMs: 60, offMs: 0 }] })
    await call.do('call.dial', { target: { pbx: '101' } })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('them to talk', () => (call.report().media?.heard ?? []).some(({ what }) => what === 700), 5000)
  const [live] = await world.link.call('call.list', {})
  call.hangup()
  await world.quiet()
  const told = async () => ladder((await world.link.call('call.trace', { call: live!.id }))!, { messages: false })
  await until('the last line', async () => (await told()).some((line) => /call\.cleared/.test(line)), 2000)
  const lines = await told()
  const place = (what: RegExp) => lines.findIndex((line) => what.test(line))
  // In the order in which it was: commanded, leased, done, dialled, answered, and how both sounded.
  const order = [
    place(/A {2}switch <-+ INVITE SDP --/),
    place(/\+ lease taken: trunk\.in/),
    place(/\* verb\.ended .*play/),
    place(/\+ lease taken: channel\.leg/),
    place(/B {2}switch --* INVITE SDP -+> site/),
    place(/B {2}switch <-+ 200 INVITE SDP --/),
    place(/\* leg\.cleared .*media=.*packetsReceived/),
    place(/\* verb\.ended .*dial/),
  ]
  assert.ok(
    order.every((line) => line >= 0),
    `${order}\n${lines.join('\n')}`,
  )
  assert.deepEqual(
    order.slice(0, 6),
    order.slice(0, 6).toSorted((a, b) => a - b),
    lines.join('\n'),
  )
  for (const kind of ['voice.port', 'voice.relay', 'voice.prompt'])
    assert.ok(place(new RegExp(`lease released: ${kind}`)) > 0, kind)
})

test('O03 Homer is sent both legs, the first INVITE of each included, under the call’s one id', async () => {
  const homer = createSocket('udp4')
  const packets: Map<number, Buffer>[] = []
  homer.on('message', (packet) => void packets.push(chunksOf(packet)))
  await new Promise<void>((resolve) => homer.bind(0, '127.0.0.1', resolve))
  try {
    await using world = await World.open({ hep: { address: '127.0.0.1', port: homer.address().port, captureId: 77 } })
    const { id, caller, callee } = await oneCall(world)
    const sip = () => packets.filter((chunks) => chunks.get(11)?.[0] === 1)
    await until('all 14 messages', () => sip().length >= 14, 5000)
    assert.equal(sip().length, 14)
    const messages = sip().map((chunks) => String(chunks.get(15)))
    for (const chunks of sip()) {
      assert.deepEqual([chunks.get(1)?.[0], chunks.get(2)?.[0], chunks.get(11)?.[0]], [2, 17, 1], 'IPv4, UDP, SIP')
      assert.equal(chunks.get(12)?.readUInt32BE(), 77)
      assert.equal(String(chunks.get(17)), id)
      assert.ok(Math.abs(chunks.get(9)!.readUInt32BE() - Date.now() / 1000) < 60)
    }
    for (const callId of [caller, callee]) assert.equal(shape(messages.find((m) => m.includes(callId))!), 'INVITE')
    const [first] = sip()
    assert.equal([...first!.get(3)!].join('.'), `${world.net}.2`)
    assert.equal([...first!.get(4)!].join('.'), world.node.address)
    assert.deepEqual([first!.get(7)!.readUInt16BE(), first!.get(8)!.readUInt16BE()], [5060, 5060])
  } finally {
    homer.close()
  }
})

test('O03 Homer is told the events, leases and log lines of a call, too, under its id', async () => {
  const homer = createSocket('udp4')
  const packets: Map<number, Buffer>[] = []
  homer.on('message', (packet) => void packets.push(chunksOf(packet)))
  await new Promise<void>((resolve) => homer.bind(0, '127.0.0.1', resolve))
  try {
    const hep = { address: '127.0.0.1', port: homer.address().port, captureId: 77 }
    await using world = await World.open({ hep, voice: true, log: 'info' })
    const b = ScriptedLeg.await(world.second)
    const a = ScriptedLeg.place(world.carrier, world.node, DID, { body: sdpOf('audio', world.carrier.socket.address) })
    b.reply(await b.next('INVITE'), 200, { body: b.sdp({ port: 31_000 }) })
    await b.next('ACK')
    a.ack(await a.next('200 INVITE'))
    const [live] = await world.link.call('call.list', {})
    a.ask('INVITE', { body: sdpOf('image', world.carrier.socket.address) })
    a.ack(await a.next('488'))
    a.ask('BYE')
    b.reply(await b.next('BYE'), 200)
    await world.quiet()
    const told = () =>
      packets
        .filter((chunks) => chunks.get(11)?.[0] === 100)
        .map((chunks) => ({ chunks, line: JSON.parse(String(chunks.get(15))) }))
    const cleared = () => told().find(({ line }) => line.type === 'call.cleared')
    await until('the last event', cleared, 5000)
    for (const { chunks, line } of told()) {
      assert.deepEqual([String(chunks.get(17)), chunks.get(12)?.readUInt32BE()], [live!.id, 77])
      assert.deepEqual([line.call, line.subscriber], [live!.id, world.acme])
      assert.equal([...chunks.get(3)!].join('.'), world.node.address)
    }
    const lines = told().map(({ line }) => line)
    const of = (kind: string) => lines.filter((line) => line.kind === kind)
    const trace = (await world.link.call('call.trace', { call: live!.id }))!
    for (const kind of ['event', 'lease']) {
      const kept = trace.entries.filter((entry) => entry.kind === kind)
      assert.deepEqual(
        of(kind).map(({ call: _, subscriber: __, ...entry }) => entry),
        kept,
        'the same as in the trace',
      )
      assert.ok(kept.length > 3)
    }
    const refused = of('log').find(({ message }) => message === 'a re-INVITE was refused')
    assert.deepEqual([refused.level, refused.status, refused.leg], ['info', 488, lines.find(({ leg }) => leg)!.leg])
    assert.ok(!of('log').some(({ level }) => level === 'debug'))
  } finally {
    homer.close()
  }
})

function sdpOf(type: 'audio' | 'image', address: string): string {
  const media = type === 'audio' ? 'audio 30000 RTP/AVP 0' : 'image 30000 udptl t38'
  return `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=${media}\r\n`
}
