import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Watch } from '#journeys/watch/index.ts'
import { run, silentLog, type TielineError } from '#lib/index.ts'
import type { Alarm, AlarmChange } from '#platform/words/index.ts'
import { type Bench, type InstalledBody, installed, startBench, until } from './bench.ts'

let bench: Bench
let acme: InstalledBody
let trunk: string

before(async () => {
  bench = await startBench()
  acme = await installed(bench, 'acme', '+3225550101')
  const body = { name: 'main', gateways: [{ address: '203.0.113.10' }, { address: '203.0.113.11' }] }
  trunk = (await bench.api<{ id: string }>('POST', '/v1/trunks', { body })).body.id
})
after(() => bench?.[Symbol.asyncDispose]())

/** What does not belong to the machine that the test runs on. */
const own = ({ code }: Alarm) => code !== 'disk-scarce'
const alarms = async () => (await bench.api<{ items: Alarm[] }>('GET', '/v1/alarms')).body.items.filter(own)
const named = async () => (await alarms()).map(({ code, about, severity }) => `${code} ${about} ${severity}`).sort()

/** The stream of alarms, from now on. */
function stream(): { changes: AlarmChange[]; close(): void } {
  const changes: AlarmChange[] = []
  const stopped = new AbortController()
  const headers = { authorization: `Bearer ${bench.operatorKey}` }
  const read = async () => {
    const answer = await fetch(`${bench.control.url}/v1/alarms/stream?after=0`, { headers, signal: stopped.signal })
    let text = ''
    for await (const part of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += part
      const parts = text.split('\n\n')
      text = parts.pop()!
      for (const each of parts) {
        const data = /^data: (.*)$/m.exec(each)?.[1]
        if (data) changes.push(JSON.parse(data) as AlarmChange)
      }
    }
  }
  read().catch(() => {})
  return { changes, close: () => stopped.abort() }
}

test('O06 the operator is told of what is wrong when it is, by list, stream, figures and status, and that it is over', async () => {
  assert.deepEqual(await named(), [])
  const { changes, close } = stream()
  const gateway = (address: string, state: 'up' | 'down') => ({ address, port: 5060, transport: 'udp' as const, state, lost: 0 })
  bench.fakes.trunks = [
    {
      trunk: trunk as never,
      gateways: [gateway('203.0.113.10', 'down'), gateway('203.0.113.11', 'down')],
      names: [],
      registration: { state: 'refused', text: 'not registered: 403 Forbidden' },
    },
  ]
  const channel = {
    subscriber: acme.subscriber.id,
    reason: 'no handshake',
    handshakeAgeSeconds: 400,
    receivedBytes: 1,
    sentBytes: 1,
  }
  bench.fakes.channels = [{ ...channel, state: 'stale', mtu: 1420 }]
  bench.fakes.inUse = 10
  const expected = [
    'channel-down acme warning',
    'registration-lost main critical',
    'resource-scarce trunk.in critical',
    'trunk-down main critical',
  ]
  assert.deepEqual(await named(), expected)
  const [first] = await alarms()
  assert.equal(first?.severity, 'critical', 'the gravest first')
  await until('the stream', () => changes.filter(({ alarm }) => own(alarm)).length === 4)
  assert.ok(changes.every(({ type }) => type === 'alarm.raised'))
  const headers = { authorization: `Bearer ${bench.operatorKey}` }
  const figures = await (await fetch(`${bench.control.url}/v1/metrics`, { headers })).text()
  assert.match(figures, /^tieline_alarm\{code="trunk-down",about="main",severity="critical"\} 1$/m)
  assert.match(figures, /^tieline_gateway_up\{trunk="main",gateway="203\.0\.113\.10:5060"\} 0$/m)
  assert.match(figures, /^tieline_trunk_registered\{trunk="main"\} 0$/m)
  assert.match(figures, /^tieline_certificate_left_seconds\{of="agent acme"\} \d{7,}$/m)
  assert.match(figures, /^tieline_disk_free_bytes \d+$/m)
  const status = await bench.api<{ alarms: Alarm[] }>('GET', '/v1/status')
  assert.equal(status.body.alarms.filter(own).length, 4)
  for (const path of ['/v1/alarms', '/v1/alarms/stream'])
    assert.equal((await bench.api('GET', path, { key: acme.apiKey })).status, 403)
  Object.assign(bench.fakes, { trunks: [], channels: [], inUse: 2 })
  assert.deepEqual(await named(), [])
  await until('the end of each', () => changes.filter(({ type, alarm }) => type === 'alarm.cleared' && own(alarm)).length === 4)
  close()
})

test('O06 a switch that is away is an alarm of its own, also when nobody asks', async () => {
  const { changes, close } = stream()
  await bench.stopLink('switch')
  const away = (type: string) => changes.some((change) => change.type === type && change.alarm.about === 'switch')
  await until('the alarm', () => away('alarm.raised'))
  await bench.startLink('switch')
  await until('its end', () => away('alarm.cleared'))
  close()
})

test('O06 O05 the disk of the state directory is nearly full, on a disk of its own', async () => {
  const directory = `${bench.state}/small`
  await run('mkdir', [directory])
  await run('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', directory])
  try {
    const { watch } = smallWorld(directory)
    await watch.look()
    assert.deepEqual(watch.board.active, [])
    await run('dd', ['if=/dev/zero', `of=${directory}/fill`, 'bs=1k', 'count=7900', 'status=none'])
    await watch.look()
    assert.deepEqual(
      watch.board.active.map(({ code, severity }) => [code, severity]),
      [['disk-scarce', 'warning']],
    )
    await run('rm', [`${directory}/fill`])
    await watch.look()
    assert.deepEqual(watch.board.active, [])
  } finally {
    await run('umount', [directory])
  }
})

/** A watch that has a disk and nobody to ask. */
function smallWorld(directory: string) {
  const gone = () => Promise.reject(new Error('away') as TielineError)
  const clock = { now: () => 0, wall: () => Date.now(), after: () => ({ cancel() {} }) }
  const health = () => ({ database: true, host: true, switch: true })
  const watch = new Watch({
    host: { call: gone },
    switch: { call: gone },
    health,
    unpriced: async () => [],
    snapshot: () => null,
    directory,
    clock,
    log: silentLog,
  })
  return { watch }
}
