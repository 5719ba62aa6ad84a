import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { newId, silentLog } from '#lib/index.ts'
import { Store } from '#store/index.ts'
import { type Bench, eventRecord, type InstalledBody, installed, journal, startBench, until } from './bench.ts'

let bench: Bench
let acme: InstalledBody
let globex: InstalledBody

before(async () => {
  bench = await startBench()
  acme = await installed(bench, 'acme', '+3225550101')
  globex = await installed(bench, 'globex', '+3225550102')
})
after(() => bench?.[Symbol.asyncDispose]())

interface Operation {
  method: string
  path: string
}

/** Every route that the API documents. */
async function operations(): Promise<Operation[]> {
  const { body } = await bench.api<{ openapi: string; paths: Record<string, Record<string, unknown>> }>(
    'GET',
    '/v1/openapi.json',
    {
      key: null,
    },
  )
  assert.equal(body.openapi, '3.1.0')
  return Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  )
}

/** A path with these in the places of its parameters; the rest is anything. */
function filled(path: string, subscriber: string, rest: string): string {
  return path.replace('{subscriber}', encodeURIComponent(subscriber)).replaceAll(/\{[a-z]+\}/gi, encodeURIComponent(rest))
}

const bodyOf = (method: string) => (method === 'GET' || method === 'DELETE' ? {} : { body: {} })

describe('one subscriber asking for another (PITFALLS T02)', () => {
  it('is answered 404 by every route below a subscriber, by id and by name, as for one that does not exist', async () => {
    const below = (await operations()).filter(({ path }) => path.includes('{subscriber}'))
    assert.ok(below.length >= 20, `only ${below.length} routes`)
    for (const { method, path } of below)
      for (const other of [globex.subscriber.id, 'globex', newId('sub'), 'nobody']) {
        const { status, body } = await bench.api<{ detail: string }>(method, filled(path, other, newId('key')), {
          key: acme.apiKey,
          ...bodyOf(method),
        })
        assert.equal(status, 404, `${method} ${path} for ${other}`)
        assert.equal(body.detail, 'There is no such subscriber.')
      }
    const still = await bench.api<InstalledBody['subscriber']>('GET', '/v1/subscribers/globex', { key: globex.apiKey })
    assert.equal(still.body.state, 'active')
  })

  it('is answered 404 however its id is written', async () => {
    const written = fc.constantFrom(
      globex.subscriber.id.toUpperCase(),
      ` ${globex.subscriber.id}`,
      `${globex.subscriber.id}\0`,
      globex.subscriber.id.slice(4),
      `acme' or '1'='1`,
    )
    await fc.assert(
      fc.asyncProperty(fc.oneof(written, fc.string({ minLength: 1, maxLength: 40 })), async (text) => {
        if (text === 'acme' || text === acme.subscriber.id) return
        const { status } = await bench.api('GET', `/v1/subscribers/${encodeURIComponent(text)}/agent`, { key: acme.apiKey })
        assert.ok(status === 404 || status === 400, `${status} for ${JSON.stringify(text)}`)
      }),
      { numRuns: 60 },
    )
  })

  it('learns nothing from queries that name the other', async () => {
    for (const path of ['/v1/calls', '/v1/events', '/v1/events/stream', '/v1/resources']) {
      const { status } = await bench.api(`GET`, `${path}?subscriber=globex`, { key: acme.apiKey })
      assert.equal(status, 404, path)
    }
  })

  it('sees only its own calls, and cannot end or explain another’s', async () => {
    const call = newId('call')
    const party = { number: '+32470000000' }
    bench.fakes.calls = [
      {
        id: call,
        subscriber: globex.subscriber.id,
        state: 'joined',
        from: party,
        to: party,
        startedAt: new Date().toISOString(),
        legs: [],
      },
    ]
    journal(bench, eventRecord(globex.subscriber.id, 1, { call, type: 'call.offered', data: {} }))
    await until('the event', async () => (await bench.api('GET', `/v1/calls/${call}/explain`)).status === 200)
    const own = await bench.api<{ items: unknown[] }>('GET', '/v1/calls', { key: acme.apiKey })
    assert.deepEqual(own.body.items, [])
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/kill'],
      ['GET', '/explain'],
    ] as const)
      assert.equal((await bench.api(method, `/v1/calls/${call}${path}`, { key: acme.apiKey })).status, 404)
    assert.deepEqual(bench.fakes.killed, [])
    const events = await bench.api<{ items: unknown[] }>('GET', `/v1/events?call=${call}`, { key: acme.apiKey })
    assert.deepEqual(events.body.items, [])
    assert.equal((await bench.api('POST', `/v1/calls/${call}/kill`, { key: globex.apiKey })).status, 204)
  })

  it('is told of a refusal without the names of others who hold the resource', async () => {
    const call = newId('call')
    const holder = { subscriber: globex.subscriber.id, call: newId('call'), count: 1 }
    const refusal = {
      kind: 'trunk.in',
      limitedBy: 'pool',
      limit: 10,
      inUse: 10,
      requested: 1,
      holders: [holder],
      fault: 'system',
    }
    journal(bench, eventRecord(acme.subscriber.id, 1, { call, type: 'call.refused', data: { refusal } }))
    const path = `/v1/calls/${call}/explain`
    await until('the event', async () => (await bench.api('GET', path)).status === 200)
    const toOperator = JSON.stringify((await bench.api('GET', path)).body)
    const toAcme = JSON.stringify((await bench.api('GET', path, { key: acme.apiKey })).body)
    const listed = JSON.stringify((await bench.api('GET', `/v1/events?call=${call}`, { key: acme.apiKey })).body)
    assert.ok(toOperator.includes(globex.subscriber.id))
    assert.match(toAcme, /trunk\.in was refused by the pool of the node: 10 of 10/)
    for (const text of [toAcme, listed])
      for (const foreign of [globex.subscriber.id, holder.call]) assert.ok(!text.includes(foreign))
  })

  it('sees its own amounts of resources, and not what the node has or others hold', async () => {
    const { body } = await bench.api<{ items: object[] }>('GET', '/v1/resources', { key: acme.apiKey })
    assert.ok(body.items.length > 0)
    for (const item of body.items) assert.deepEqual(Object.keys(item).sort(), ['ceiling', 'guaranteed', 'inUse', 'kind'])
  })

  it('sees what it holds itself, page by page, of calls and of its agent', async () => {
    const taken = { wall: Date.UTC(2026, 10, 24), mono: 0, boot: 'b1' }
    let made = taken.wall
    const agent = newId('agt')
    const held = (subscriber: typeof acme.subscriber.id, more: object) => ({
      ...{ id: newId('lse', made++), subscriber, kind: 'trunk.in', count: 1, taken },
      ...more,
    })
    bench.fakes.leases = [
      held(acme.subscriber.id, { call: newId('call') }),
      held(globex.subscriber.id, { call: newId('call') }),
      held(acme.subscriber.id, { kind: 'agent.memory', count: 256, agent }),
    ]
    type Page = { items: { kind: string; count: number; agent?: string }[]; next?: string }
    const path = '/v1/subscribers/acme/leases'
    const first = await bench.api<Page>('GET', `${path}?limit=1`, { key: acme.apiKey })
    assert.deepEqual([first.body.items.length, first.body.items[0]?.kind], [1, 'trunk.in'])
    const { body } = await bench.api<Page>('GET', `${path}?limit=1&after=${first.body.next}`, { key: acme.apiKey })
    assert.deepEqual(
      [body.items.map(({ kind, count, agent: of }) => [kind, count, of]), body.next],
      [[['agent.memory', 256, agent]], undefined],
    )
    const one = await bench.api<Page>('GET', `${path}?kind=agent.memory`)
    assert.equal(one.body.items.length, 1)
    assert.equal((await bench.api('GET', `${path}?after=x`)).status, 422)
    assert.equal((await bench.api('GET', path, { key: globex.apiKey })).status, 404)
  })
})

describe('the role of a key', () => {
  it('is asked for by every route but health and the documentation', async () => {
    for (const { method, path } of await operations()) {
      if (path === '/v1/health') continue
      const { status } = await bench.api(method, filled(path, 'acme', 'x'), { key: null, ...bodyOf(method) })
      assert.equal(status, 401, `${method} ${path}`)
    }
    assert.equal((await bench.api('GET', '/v1/subscribers', { key: `${acme.apiKey}x` })).status, 401)
  })

  it('keeps a subscriber from what is the operator’s', async () => {
    const forbidden: [string, string, object?][] = [
      ['POST', '/v1/subscribers', {}],
      ['DELETE', '/v1/subscribers/acme'],
      ['POST', '/v1/subscribers/acme/suspend', {}],
      ['PUT', '/v1/subscribers/acme/allocations/trunk.in', { guaranteed: 5, ceiling: 5 }],
      ['POST', '/v1/subscribers/acme/numbers', { number: '+3225550199' }],
      ['GET', '/v1/trunks'],
      ['PUT', '/v1/capacities/trunk.in', { capacity: 1 }],
      ['PATCH', '/v1/subscribers/acme', { timeZone: 'Europe/Brussels' }],
      ['GET', '/v1/status'],
    ]
    for (const [method, path, body] of forbidden) {
      const { status } = await bench.api(method, path, { key: acme.apiKey, ...(body ? { body } : {}) })
      assert.equal(status, 403, `${method} ${path}`)
    }
  })

  it('lets a subscriber set its own default route, which is published', async () => {
    const { status, body } = await bench.api<{ defaultRoute: object }>('PATCH', '/v1/subscribers/acme', {
      key: acme.apiKey,
      body: { defaultRoute: { user: 'desk' } },
    })
    assert.equal(status, 200)
    assert.deepEqual(body.defaultRoute, { user: 'desk' })
    const change = bench.fakes.published.switch.at(-1)
    assert.deepEqual(change?.subscribers && 'upsert' in change.subscribers && change.subscribers.upsert[0]?.defaultRoute, {
      user: 'desk',
    })
  })
})

describe('the database, whatever the API asks of it', () => {
  const TENANTS = ['number', 'allocation', 'channel', 'certificate', 'api_key', 'telephone', 'subscriber'] as const

  it('shows a subscriber’s transaction its own rows alone, and not even those without a subscriber', async () => {
    await using store = new Store({ databaseUrl: bench.postgres.url, log: silentLog })
    await store.migrate()
    for (const table of TENANTS) {
      const column = table === 'subscriber' ? 'id' : 'subscriber_id'
      const all = await store.transaction('platform', (tx) =>
        tx
          .selectFrom(table as 'number')
          .select(column as 'subscriber_id')
          .execute(),
      )
      const own = await store.transaction(acme.subscriber.id, (tx) =>
        tx
          .selectFrom(table as 'number')
          .select(column as 'subscriber_id')
          .execute(),
      )
      const owners = new Set(own.map((row) => Object.values(row)[0]))
      assert.equal(owners.size, 1, table)
      assert.ok(new Set(all.map((row) => Object.values(row)[0])).size >= 2, table)
    }
    const none = await store.transaction(newId('sub'), (tx) => tx.selectFrom('subscriber').selectAll().execute())
    assert.deepEqual(none, [])
  })

  it('lets a subscriber’s transaction neither write another’s rows, nor its own terms, nor see the platform’s', async () => {
    await using store = new Store({ databaseUrl: bench.postgres.url, log: silentLog })
    await store.migrate()
    const other = globex.subscriber.id.slice(4)
    const row = { id: other, subscriber_id: other, hash: 'x', created_at: new Date(), expires_at: null, revoked_at: null }
    await assert.rejects(
      store.transaction(acme.subscriber.id, (tx) => tx.insertInto('api_key').values(row).execute()),
      /row-level security/,
    )
    const updated = await store.transaction(acme.subscriber.id, (tx) =>
      tx.updateTable('subscriber').set({ decision_deadline_ms: 1 }).where('name', '=', 'globex').executeTakeFirst(),
    )
    assert.equal(updated.numUpdatedRows, 0n)
    await assert.rejects(
      store.transaction(acme.subscriber.id, (tx) => tx.updateTable('subscriber').set({ memory_mebibytes: 9999 }).execute()),
      /permission denied/,
    )
    for (const table of ['operator_key', 'authority', 'trunk', 'idempotency'] as const)
      await assert.rejects(
        store.transaction(acme.subscriber.id, (tx) => tx.selectFrom(table).selectAll().execute()),
        /permission denied/,
        table,
      )
  })
})
