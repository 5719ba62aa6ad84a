import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Baresip } from '../peer/baresip.ts'
import { until } from '../peer/index.ts'
import { FarEnd } from '../peer/sip/far-end.ts'

test('our far end and baresip hear each other, so that our ears agree with foreign ones', async () => {
  await using stack = new AsyncDisposableStack()
  const telephone = stack.use(await Baresip.start({ address: '127.0.0.1', port: 15062, user: '101', tone: 700 }))
  const carrier = await FarEnd.open({ address: '127.0.0.1', port: 0, name: 'carrier', watched: [400, 700] })
  stack.defer(() => carrier.close())
  const call = await carrier.place({ to: { address: '127.0.0.1', port: 15062 }, from: '+32470', number: '101', tone: 400 })
  await until(
    'a second of its tone',
    () =>
      count(
        call.report().media!.heard.map((h) => h.what),
        700,
      ) >= 10,
    5000,
  )
  call.hangup()
  await until('the answer to BYE', () => call.report().timeline.at(-1)?.what === '< 200 (BYE)', 3000)
  await until('its record of ours', () => count(telephone.heard([400, 700]), 400) >= 8, 5000)
  assert.equal(count(telephone.heard([400, 700]), 700), 0)
})

function count(heard: unknown[], what: unknown): number {
  return heard.filter((h) => h === what).length
}
