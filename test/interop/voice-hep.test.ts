import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import { CLAIM_MS } from '#platform/voice/index.ts'
import type { PlatformConfig } from '#platform/words/index.ts'
import { writeControl } from '#protocol/rtp/index.ts'
import { chunksOf } from '../peer/hep.ts'
import { pause, until } from './voice-phone.ts'
import { addressOf, VoiceProcess } from './voice-process.ts'
import { joinedLegs, SUB } from './voice-scene.ts'

test('O03 Homer is told the RTCP of both legs, and what voice’s log says of a call, under the call’s id', async (t) => {
  const homer = createSocket('udp4')
  t.after(() => homer.close())
  const packets: Map<number, Buffer>[] = []
  homer.on('message', (packet) => void packets.push(chunksOf(packet)))
  homer.bind(0, '127.0.0.1')
  await once(homer, 'listening')
  const sip = { address: addressOf('node'), port: 5060 }
  const hep = { address: '127.0.0.1', port: homer.address().port, captureId: 77 }
  const voice = await VoiceProcess.start(undefined, { hep, sip: sip as PlatformConfig['sip'], log: { level: 'info' } })
  t.after(() => voice[Symbol.asyncDispose]())
  const { call, a, b } = await joinedLegs(t, voice)
  a.phone.speak(440)
  b.phone.speak(700)
  await until('both hear', () => a.phone.heard.length > 5 && b.phone.heard.length > 5)
  const reports = () => packets.filter((chunks) => chunks.get(11)?.[0] === 5)
  const from = (address: string, port: number) =>
    reports().find((chunks) => [...chunks.get(3)!].join('.') === address && chunks.get(7)?.readUInt16BE() === port)

  const control = createSocket('udp4')
  t.after(() => control.close())
  control.bind(0, a.phone.local.address)
  await once(control, 'listening')
  const bytes = new Uint8Array(256)
  const block = { ssrc: a.phone.heard[0]!.ssrc, fractionLost: 3, lost: 2, highest: 90, jitter: 80, lastReport: 0, delay: 0 }
  const length = writeControl(bytes, { ssrc: a.phone.ssrc, sender: null, block, name: 'phone', goodbye: false })
  control.send(bytes.subarray(0, length), a.port + 1, addressOf('node'))
  await until('what the telephone told', () => from(a.phone.local.address, control.address().port) !== undefined)
  const heard = from(a.phone.local.address, control.address().port)!
  assert.deepEqual([heard.get(8)?.readUInt16BE(), heard.get(12)?.readUInt32BE()], [a.port + 1, 77])
  const told = JSON.parse(String(heard.get(15)))
  assert.deepEqual([told.type, told.ssrc, told.report_blocks[0].ia_jitter], [201, a.phone.ssrc, 80])

  await until(
    'reports of ours on both legs',
    () => from(addressOf('node'), a.port + 1) !== undefined && from(addressOf(SUB), b.port + 1) !== undefined,
    12_000,
  )
  const ours = JSON.parse(String(from(addressOf('node'), a.port + 1)!.get(15)))
  assert.deepEqual([ours.type, ours.ssrc, ours.report_blocks[0].source_ssrc], [200, block.ssrc, a.phone.ssrc])
  assert.ok(ours.sender_information.packets > 5)
  for (const chunks of reports()) {
    assert.deepEqual([chunks.get(2)?.[0], String(chunks.get(17))], [17, call], 'UDP, and the call’s own id')
    assert.ok(Math.abs(chunks.get(9)!.readUInt32BE() - Date.now() / 1000) < 60)
  }

  const other = newId('call')
  await voice.call('endpoint.move', { endpoint: a.endpoint, call: other })
  await voice.loseSwitch()
  await pause(CLAIM_MS)
  const lines = () => packets.filter((chunks) => chunks.get(11)?.[0] === 100).map((chunks) => String(chunks.get(17)))
  await until('a line of each call', () => lines().includes(call) && lines().includes(other))
  const goodbye = () => reports().some((chunks) => String(chunks.get(17)) === other)
  await until('the last report under the call that the leg went over to', goodbye)
})
