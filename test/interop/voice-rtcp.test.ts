import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { run } from '#lib/index.ts'
import { readControl, writeControl } from '#protocol/rtp/index.ts'
import { type Datagram, udpPcap } from './udp-pcap.ts'
import { pause, until } from './voice-phone.ts'
import { addressOf } from './voice-process.ts'
import { joinedLegs, startVoice } from './voice-scene.ts'

const PCAP_PORT = 40_001

/** The telephone's RTCP port: what voice reports to it. */
async function controlOf(t: TestContext, address: string): Promise<{ socket: dgram.Socket; heard: Datagram[] }> {
  const socket = dgram.createSocket('udp4')
  t.after(() => socket.close())
  socket.bind({ address, port: 0 })
  await once(socket, 'listening')
  const heard: Datagram[] = []
  socket.on('message', (bytes) => heard.push({ bytes, at: performance.now(), port: PCAP_PORT }))
  return { socket, heard }
}

test('each leg reports what it got and is told what it sent: loss, round trip, opinion; tshark reads it', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  const { socket, heard } = await controlOf(t, a.phone.local.address)
  const description = a.phone.description({ remote: { ...a.phone.local, controlPort: socket.address().port } })
  await voice.call('endpoint.describe', { endpoint: a.endpoint, description })
  a.phone.speak(440)
  b.phone.speak(700)
  await until('both hear', () => a.phone.heard.length > 5 && b.phone.heard.length > 5)
  // Half of the packets from here on are lost: the sequence goes on without them.
  const skip = setInterval(() => {
    a.phone.sequence = (a.phone.sequence + 1) & 0xffff
  }, 20)
  t.after(() => clearInterval(skip))
  await until('a report', () => heard.length > 0, 3 * 3750)
  const report = readControl(heard[0]!.bytes, heard[0]!.bytes.length)
  const block = report?.blocks.find(({ ssrc }) => ssrc === a.phone.ssrc)
  assert.ok(report && block && block.fractionLost > 64 && block.lost > 5)
  assert.equal(report.ssrc, a.phone.heard[0]!.ssrc)
  // The telephone answers 100 ms after the report, 60 of which it says that it kept it: the way takes 40.
  await pause(100)
  const bytes = new Uint8Array(256)
  const told = {
    ...{ ssrc: report.ssrc, fractionLost: 3, lost: 2, highest: 90, jitter: 80 },
    lastReport: report.sentAt ?? 0,
    delay: Math.round(0.06 * 65_536),
  }
  const answer = { ssrc: a.phone.ssrc, sender: null, block: told, name: 'phone', goodbye: false }
  const length = writeControl(bytes, answer)
  socket.send(bytes.subarray(0, length), a.port + 1, addressOf('node'))
  await pause(60)
  const stats = await voice.call('endpoint.close', { endpoint: a.endpoint })
  assert.ok(stats.reportsSent >= 2 && stats.reportsReceived === 1)
  assert.ok(stats.roundTripMs !== null && stats.roundTripMs >= 35 && stats.roundTripMs < 300, `${stats.roundTripMs} ms`)
  assert.ok(stats.received && stats.received.lossRatio > 0.2 && stats.received.mos < 3, JSON.stringify(stats.received))
  assert.ok(stats.sent && stats.sent.packetsLost === 2 && stats.sent.jitterMs === 10 && stats.sent.mos > stats.received.mos)
  await until('the goodbye', () => heard.some((packet) => readControl(packet.bytes, packet.bytes.length)?.goodbye))
  const file = join(voice.directory, 'rtcp.pcap')
  writeFileSync(file, udpPcap(heard))
  const fields = [
    'rtcp.pt',
    'rtcp.ssrc.fraction',
    'rtcp.ssrc.cum_nr',
    'rtcp.sender.packetcount',
    'rtcp.sdes.type',
    '_ws.malformed',
  ]
  const arguments_ = ['-r', file, '-d', `udp.port==${PCAP_PORT},rtcp`, '-T', 'fields', ...fields.flatMap((f) => ['-e', f])]
  const rows = (await run('tshark', arguments_, { timeoutMs: 30_000 })).trim().split('\n')
  const [types, fraction, lost, packets, , malformed] = rows[0]!.split('\t')
  assert.match(types!, /^200,202/)
  assert.deepEqual([Number(fraction), Number(lost)], [block.fractionLost, block.lost])
  assert.ok(Number(packets) > 5 && !malformed)
  assert.match(rows.at(-1)!, /202,203/)
})

test('F03 reports of a stranger change nothing, and a call without a report says so', async (t) => {
  const voice = await startVoice(t)
  const { a } = await joinedLegs(t, voice)
  const { socket } = await controlOf(t, '127.0.0.9')
  const bytes = new Uint8Array(256)
  const block = { ssrc: 1, fractionLost: 9, lost: 9, highest: 9, jitter: 9, lastReport: 9, delay: 9 }
  const length = writeControl(bytes, { ssrc: 1, sender: null, block, name: 'x', goodbye: false })
  for (let i = 0; i < 5; i++) socket.send(bytes.subarray(0, length), a.port + 1, addressOf('node'))
  await pause(600)
  const stats = await voice.call('endpoint.close', { endpoint: a.endpoint })
  assert.equal(stats.packetsRefused, 5)
  assert.deepEqual([stats.reportsReceived, stats.roundTripMs, stats.received, stats.sent], [0, null, null, null])
})
