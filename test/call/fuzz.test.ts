import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep } from '../peer/clock.ts'
import { RawEnd, rawRequest } from '../peer/sip/raw.ts'
import { fuzzed, openFuzzWorld } from './fuzz.ts'
import { DID } from './harness.ts'

test('F12 mutations of its own traffic end no process, and calls go on beside them (npm run bench -- fuzz --minutes 60 for more)', async () => {
  await using world = await openFuzzWorld()
  const result = await fuzzed(world, { ms: 4000, perSecond: 500, seed: 7 })
  assert.deepEqual(result.ended, [])
  assert.ok(result.datagrams > 200 && result.streams > 10 && result.packets > 500, JSON.stringify(result))
  assert.ok(result.calls > 2 && result.unanswered === 0, JSON.stringify(result))
  await world.quiet(40_000)
})

test('F12 a port that is none ends no process: in Via, Contact, Route and Record-Route', async () => {
  await using world = await openFuzzWorld()
  await using trunk = await RawEnd.open(`${world.net}.2`)
  const { address } = trunk.at
  let n = 0
  for (const port of [0, 65_536, 99_999])
    for (const method of ['OPTIONS', 'INVITE', 'BYE', 'ACK']) {
      const from = { address, port }
      const text = () => rawRequest(method, { from, to: world.node, user: DID, n: n++ })
      const route = `Route: <sip:${address}:${port};lr>\r\nRecord-Route: <sip:${address}:${port};lr>\r\n`
      for (const each of [text(), text().replace(';rport', ''), text().replace('Max-Forwards', `${route}Max-Forwards`)])
        trunk.send(each, world.node)
    }
  await sleep(300)
  assert.equal(world.child('switch').exitCode, null)
  assert.ok(await trunk.ask(rawRequest('OPTIONS', { from: trunk.at, to: world.node, user: DID, n: 'after' }), world.node))
  await world.quiet(40_000)
})
