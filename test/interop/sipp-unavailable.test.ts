import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DID, World } from '../call/harness.ts'
import { sleep, until } from '../peer/clock.ts'
import { startDns } from '../peer/dns.ts'
import { startSipp } from '../peer/sipp.ts'

const RETRY_AFTER_S = 3

/** Says that it cannot serve, for how long, and takes the ACK of that. */
const UNAVAILABLE = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="unavailable">
<recv request="INVITE"></recv>
<send retrans="500"><![CDATA[
SIP/2.0 503 Service Unavailable
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag[call_number]
[last_Call-ID:]
[last_CSeq:]
Retry-After: ${RETRY_AFTER_S} (maintenance);duration=60
Content-Length: 0

]]></send>
<recv request="ACK"></recv>
</scenario>
`

test('S34 S35 SIPp as the first server says 503 with Retry-After: it has its ACK, no call for that time, and the first one after it', {
  timeout: 60_000,
}, async () => {
  await using world = await World.open()
  using _dns = await startDns(`${world.net}.53`, {
    '_sip._udp.carrier.example': {
      SRV: [13, 3].map((last, priority) => ({ priority, port: 5060, target: `s${last}.carrier.example` })),
    },
    's13.carrier.example': `${world.net}.13`,
    's3.carrier.example': `${world.net}.3`,
  })
  const at = `${world.net}.13`
  // Two calls and no more: it ends by itself with the second ACK.
  await using sipp = await startSipp(['-sf', 'unavailable.xml', '-i', at, '-p', '5060', '-m', '2'], {
    'unavailable.xml': UNAVAILABLE,
  })
  let over = false
  void sipp.ended.then(() => {
    over = true
  })
  const trunks = world.snapshot.trunks.map((trunk) =>
    trunk.name === 'other' ? { ...trunk, gateways: [{ address: 'carrier.example' }] } : trunk,
  )
  await world.publish({ ...world.snapshot, number: 2, trunks })
  const servers = async () => (await world.link.call('trunk.state', {})).flatMap(({ gateways }) => gateways.filter((g) => g.name))
  await until('its servers', async () => (await servers()).length === 2, 5000)
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const up = async () => {
    const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
    await until('an answer', () => call.phase === 'up', 4000)
    return call
  }
  const calls = [await up()]
  const refusedAt = performance.now()
  const state = async () => (await servers()).find(({ address }) => address === at)?.state
  await until('it to be left alone', async () => (await state()) === 'down', 1000)
  while (performance.now() - refusedAt < RETRY_AFTER_S * 1000 - 1000) {
    calls.push(await up())
    await sleep(100)
  }
  assert.ok(calls.length > 5)
  assert.equal(over, false, 'it had no second call meanwhile')
  await until('its time to be over', async () => (await state()) === 'up', 5000)
  calls.push(await up())
  const { status, output } = await sipp.ended
  assert.equal(status, 0, output)
  assert.equal(world.second.calls.length, calls.length, 'and every caller was served')
  for (const call of calls) call.hangup()
  await world.quiet()
})
