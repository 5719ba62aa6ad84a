import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../clock.ts'
import { FarEnd } from './far-end.ts'

async function pair(address = '127.0.0.1') {
  const watched = [400, 700]
  const carrier = await FarEnd.open({ address, port: 0, name: 'carrier', watched })
  const pbx = await FarEnd.open({ address, port: 0, name: 'pbx', watched })
  const to = { address, port: pbx.socket.port }
  return {
    carrier,
    pbx,
    to,
    [Symbol.dispose]() {
      carrier.close()
      pbx.close()
    },
  }
}

test('two far ends talk: each hears the tone of the other, digits arrive once, BYE ends both', async () => {
  using ends = await pair()
  ends.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  const call = await ends.carrier.place({ to: ends.to, from: '+32470', number: '101', tone: 400 })
  await until('an answer', () => call.phase === 'up', 2000)
  call.stream.press('12')
  const other = ends.pbx.calls[0]!
  await until('both digits', () => other.report().media?.digits === '12', 2000)
  await until('both tones', () => heard(call, 700) >= 2 && heard(other, 400) >= 2, 2000)
  call.hangup()
  await until('the end', () => other.phase === 'ended', 1000)
  assert.deepEqual(
    call
      .report()
      .timeline.map((t) => t.what)
      .slice(0, 5),
    ['> INVITE', '< 100', '< 180', '< 200', '> ACK'],
  )
  await until('the answer to BYE', () => call.report().timeline.at(-1)?.what === '< 200 (BYE)', 1000)
  assert.equal(other.report().ending?.by, 'remote')
})

test('a call is known by whom it is for: an extension that stands in the address, too, is not taken for it', async () => {
  using ends = await pair('127.103.0.1')
  ends.pbx.rules = [{ user: '*', does: 486 }]
  for (const number of ['101', '103']) await ends.carrier.place({ to: ends.to, from: '104', number })
  await until('both', () => ends.pbx.calls.length === 2, 2000)
  for (const end of [ends.carrier, ends.pbx]) {
    assert.deepEqual(
      end.calls.map((call) => call.called),
      ['101', '103'],
    )
  }
})

test('a call can be cancelled, refused, left ringing, and met with silence', async () => {
  using ends = await pair()
  ends.pbx.rules = [
    { user: 'busy', does: 486 },
    { user: 'ring', does: 'ring' },
    { user: 'silent', does: 'silent' },
  ]
  const place = (number: string, extra = {}) => ends.carrier.place({ to: ends.to, from: 'a', number, ...extra })
  const [busy, cancelled, silent, none] = await Promise.all([
    place('busy'),
    place('ring', { cancelAfterMs: 30 }),
    place('silent'),
    place('nobody'),
  ])
  await until('three ends', () => [busy, cancelled, none].every((c) => c.phase === 'ended'), 2000)
  assert.deepEqual(
    [busy, cancelled, none].map((c) => c.report().final?.status),
    [486, 487, 404],
  )
  assert.equal(silent.report().final, null)
  assert.equal(silent.phase, 'setup')
})

test('a 200 without ACK comes again', async () => {
  using ends = await pair()
  ends.pbx.rules = [{ user: '*', does: 'answer', ringMs: 1 }]
  const call = await ends.carrier.place({ to: ends.to, from: 'a', number: '1', neverAck: true })
  const answers = () => call.report().timeline.filter((t) => t.what === '< 200').length
  await until('the second 200', () => answers() >= 2, 2000)
})

function heard(call: { report(): { media: { heard: { what: unknown }[] } | null } }, what: number): number {
  return call.report().media!.heard.filter((h) => h.what === what).length
}
