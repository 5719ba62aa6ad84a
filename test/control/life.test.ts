import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { newId } from '#lib/index.ts'
import type { PlatformEvent, SnapshotChange } from '#platform/words/index.ts'
import { type Bench, eventRecord, type InstalledBody, installed, journal, startBench, until } from './bench.ts'

let bench: Bench
let acme: InstalledBody

before(async () => {
  bench = await startBench()
  acme = await installed(bench, 'acme', '+3225550101')
})
after(() => bench?.[Symbol.asyncDispose]())

const events = async (query = '') => (await bench.api<{ items: PlatformEvent[] }>('GET', `/v1/events?${query}`)).body.items

it('a list of as many calls as a node carries comes over the link, which stays', async () => {
  const party = { number: '+32470123456' }
  const about = { subscriber: acme.subscriber.id, state: 'joined' as const, from: party, to: party }
  const startedAt = '2026-11-23T00:00:00.000Z'
  for (let i = 0; i < 10_000; i++) bench.fakes.calls.push({ ...about, id: newId('call'), startedAt, legs: [] })
  const { status, body } = await bench.api<{ items: unknown[] }>('GET', '/v1/calls')
  bench.fakes.calls.length = 0
  assert.deepEqual([status, body.items.length], [200, 10_000])
})

describe('publications', () => {
  it('send the whole to a receiver that comes back, and changes by one to one that stayed', async () => {
    await bench.stopLink('switch')
    await bench.api('PUT', '/v1/capacities/trunk.out', { body: { capacity: 12 } })
    const { switch: seen, host } = bench.fakes.published
    const before = seen.length
    await bench.startLink('switch')
    await until('the whole', () => seen.length > before)
    assert.equal('base' in seen.at(-1)!, false)
    assert.equal(seen.at(-1)!.number, host.at(-1)!.number)
    const base = seen.at(-1)!.number
    await bench.api('PUT', '/v1/capacities/trunk.out', { body: { capacity: 13 } })
    const change = seen.at(-1) as SnapshotChange
    assert.equal(change.base, base)
    assert.equal(change.number, base + 1)
    assert.ok(change.capacities?.some(({ kind, capacity }) => kind === 'trunk.out' && capacity === 13))
  })

  it('tell host and switch of a suspended subscriber with nothing to take but the memory of its agent, and keep its numbers', async () => {
    await bench.api('POST', '/v1/subscribers/acme/suspend', { body: {} })
    const config = (bench.fakes.published.switch.at(-1) as SnapshotChange).subscribers?.upsert[0]
    assert.ok(config!.allocations.length > 5)
    const left = config!.allocations.filter(({ ceiling, guaranteed }) => ceiling > 0 || guaranteed > 0)
    assert.deepEqual(
      left.map(({ kind }) => kind),
      ['agent.memory'],
    )
    assert.deepEqual(config!.numbers, [{ number: '+3225550101' }])
    await bench.api('POST', '/v1/subscribers/acme/resume', { body: {} })
    const resumed = (bench.fakes.published.switch.at(-1) as SnapshotChange).subscribers?.upsert[0]
    assert.ok(resumed!.allocations.some(({ kind, ceiling }) => kind === 'trunk.in' && ceiling === 5))
  })

  it('refuse a change that is wrong as a whole, and nothing of it is published (PITFALLS O07)', async () => {
    const before = bench.fakes.published.switch.length
    const body = { dns: { servers: ['192.168.1.54'] }, pbx: { host: '10.9.9.9', port: 5060 } }
    const { status, body: problem } = await bench.api<{ details: { field: string } }>('PATCH', '/v1/subscribers/acme', { body })
    assert.equal(status, 422)
    assert.equal(problem.details.field, 'site.pbx.host')
    assert.equal(bench.fakes.published.switch.length, before)
    const { body: acmeNow } = await bench.api<{ site: { dns: { servers: string[] } } }>('GET', '/v1/subscribers/acme')
    assert.deepEqual(acmeNow.site.dns.servers, ['192.168.1.53'])
  })

  it('refuse text that would break a line of SIP (PITFALLS F09)', async () => {
    for (const text of ['100\r\nVia: x', '100\n', '1 00', '100%0d%0a', '100;x=y', '100\0'])
      for (const route of [{ pbx: text }, { user: text }, { number: text }, { sip: `sip:${text}@pbx` }]) {
        if ('sip' in route && /^sip:100(%0d%0a|;x=y)@pbx$/.test(route.sip)) continue // escaped or a parameter: no line break
        const { status } = await bench.api('PATCH', '/v1/subscribers/acme', { body: { defaultRoute: route } })
        assert.equal(status, text.includes('\0') ? 400 : 422, JSON.stringify(route))
      }
  })
})

describe('the journal', () => {
  it('C08 is taken in once, in order, however often it is sent, and shipped up to what was committed', async () => {
    const first = journal(bench, eventRecord(acme.subscriber.id, 101, { data: { name: 'no\0body \ud800' } }))
    journal(bench, eventRecord(acme.subscriber.id, 102))
    const again = journal(bench, first.record)
    await until('the events', async () => (await events('subscriber=acme&after=100')).length >= 2)
    await until('the position', () => bench.fakes.shipped === again.position)
    assert.deepEqual(
      (await events('subscriber=acme&after=100')).map(({ number }) => number),
      [101, 102],
    )
  })

  it('waits while the database is away; the API says 503 and comes back by itself (PITFALLS O08)', async () => {
    await bench.postgres.crash()
    const { status, body, headers } = await bench.api<{ type: string; detail: string }>('GET', '/v1/subscribers')
    assert.equal(status, 503)
    assert.equal(body.type, 'urn:tieline:problem:database-away')
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
    assert.ok(headers.get('retry-after'))
    const { position } = journal(bench, eventRecord(acme.subscriber.id, 103))
    assert.equal((await bench.api('GET', '/v1/health', { key: null })).status, 503)
    await bench.postgres.start()
    await until('the event', () => bench.fakes.shipped === position)
    await until('health', async () => (await bench.api('GET', '/v1/health', { key: null })).status === 200)
    assert.equal((await events('subscriber=acme&after=102')).length, 1)
  })
})

describe('the stream of events', () => {
  it('gives what was missed and then what comes, with the same JSON as the list', async () => {
    const stopped = new AbortController()
    const answer = await fetch(`${bench.control.url}/v1/events/stream?after=101`, {
      headers: { authorization: `Bearer ${acme.apiKey}` },
      signal: stopped.signal,
    })
    let text = ''
    const reading = (async () => {
      for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) text += chunk
    })().catch(() => {})
    await until('what was missed', () => text.includes('id: 103\n'))
    assert.ok(text.includes('id: 102\n'))
    assert.match(text, /^: events follow\nid: 101\n\n/, 'where it begins')
    journal(bench, eventRecord(acme.subscriber.id, 104))
    journal(bench, eventRecord(newId('sub'), 1))
    await until('what comes', () => text.includes('id: 104\n'))
    const sent = [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1]!))
    assert.deepEqual(sent, await events('subscriber=acme&after=101'))
    stopped.abort()
    await reading
  })
})

describe('secrets', () => {
  it('rotate with an overlap, and are revoked at once', async () => {
    const rotate = (key: string, overlapSeconds: number) =>
      bench.api<{ id: string; secret: string }>('POST', '/v1/subscribers/acme/rotate', {
        key,
        body: { secret: 'api-key', overlapSeconds },
      })
    const works = async (key: string) => (await bench.api('GET', '/v1/subscribers/acme', { key })).status === 200
    const second = (await rotate(acme.apiKey, 3600)).body.secret
    assert.ok((await works(acme.apiKey)) && (await works(second)))
    const third = (await rotate(second, 0)).body
    assert.deepEqual([await works(acme.apiKey), await works(second), await works(third.secret)], [false, false, true])
    assert.equal((await bench.api('DELETE', `/v1/subscribers/acme/keys/${third.id}`)).status, 204)
    assert.equal(await works(third.secret), false)
  })

  it('change over a preshared key when it is due, and not before', async () => {
    const published = () =>
      (bench.fakes.published.host.findLast((p) => 'base' in p && p.subscribers) as SnapshotChange | undefined)?.subscribers
        ?.upsert[0]?.channel.presharedKey
    const before = published()
    const rotate = (overlapSeconds: number) =>
      bench.api('POST', '/v1/subscribers/acme/rotate', { body: { secret: 'preshared-key', overlapSeconds } })
    assert.equal((await rotate(3600)).status, 200)
    assert.equal(published(), before)
    assert.equal((await rotate(1)).status, 200)
    await until('the change-over', () => published() !== before)
  })

  it('give the agent another certificate', async () => {
    const { body } = await bench.api<{ serial: string }>('POST', '/v1/subscribers/acme/rotate', {
      body: { secret: 'agent-certificate' },
    })
    assert.match(body.serial, /^[0-9a-f]+$/)
  })

  it('come anew for the operator when the file of the key is gone', async () => {
    const old = bench.operatorKey
    rmSync(join(bench.state, 'control', 'operator.key'))
    await bench.restart()
    assert.equal((await bench.api('GET', '/v1/status', { key: old })).status, 401)
  })
})
