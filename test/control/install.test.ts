import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import pg from 'pg'
import { uuidOf } from '#lib/index.ts'
import type { Allocation, Snapshot, SnapshotChange } from '#platform/words/index.ts'
import { type Bench, type InstalledBody, installed, order, startBench } from './bench.ts'

let bench: Bench

before(async () => {
  bench = await startBench()
})
after(() => bench?.[Symbol.asyncDispose]())

async function rows(text: string, values: unknown[] = []) {
  const client = new pg.Client({ connectionString: bench.postgres.url })
  await client.connect()
  try {
    return (await client.query(text, values)).rows
  } finally {
    await client.end()
  }
}

const lastChange = () => bench.fakes.published.host.at(-1) as SnapshotChange

describe('installing a subscriber', () => {
  it('answers with the file for the site and every secret once, and publishes it to host and switch', async () => {
    const body = await installed(bench, 'acme', '+3225550101')
    assert.equal(body.subscriber.state, 'active')
    assert.match(body.siteFile, /^PrivateKey = .{43}=$/m)
    assert.match(body.siteFile, new RegExp(`Endpoint = tieline.example.net:${body.subscriber.channel.listenPort}`))
    assert.match(body.apiKey, /^tl_sub_/)
    assert.equal(body.telephones[0]?.password.length, 24)
    for (const side of ['host', 'switch'] as const) {
      const change = bench.fakes.published[side].at(-1) as SnapshotChange
      const config = change.subscribers?.upsert[0]
      assert.equal(config?.id, body.subscriber.id)
      assert.match(config.channel.privateKey, /^v1\./)
      assert.match(config.agent.key, /^v1\./)
    }
  })

  it('of whom a version knew that had fewer kinds has as much of the new ones as of those like them, and the node has room', async () => {
    const { subscriber } = await installed(bench, 'older', '+3225550161')
    const id = uuidOf(subscriber.id as never)
    for (const [kind, like, migration, room] of [
      ['voice.transcode', 'voice.relay', '0011_transcode', '100'],
      ['voice.detection', 'voice.prompt', '0015_detection', '200'],
      ['voice.keys', 'voice.relay', '0023_keys', '500'],
    ] as const) {
      await rows('delete from allocation where kind = $1', [kind])
      await rows('delete from capacity where kind = $1', [kind])
      await rows(`insert into capacity (node, kind, capacity) values ('older', $1, 500) on conflict do nothing`, [like])
      await rows('update allocation set ceiling = 7 where kind = $1 and subscriber_id = $2', [like, id])
      await rows(readFileSync(new URL(`../../src/store/migrations/${migration}.sql`, import.meta.url), 'utf8'))
      const [right] = await rows('select guaranteed, ceiling from allocation where kind = $1 and subscriber_id = $2', [kind, id])
      assert.deepEqual(right, { guaranteed: '0', ceiling: '7' })
      const [made] = await rows(`select capacity from capacity where kind = $1 and node = 'older'`, [kind])
      assert.equal(made.capacity, room)
    }
  })

  it("issues a certificate of the platform's own CA whose common name is the subscriber's id", async () => {
    const { subscriber } = await installed(bench, 'cert', '+3225550102')
    const snapshot = bench.fakes.published.host[0] as Snapshot
    const certificate = new X509Certificate(lastChange().subscribers!.upsert[0]!.agent.certificate)
    const ca = new X509Certificate(snapshot.ca)
    assert.equal(certificate.subject, `CN=${subscriber.id}`)
    assert.ok(certificate.verify(ca.publicKey))
    assert.ok(new X509Certificate(snapshot.switchCertificate.certificate).verify(ca.publicKey))
    assert.equal(ca.ca, true)
  })

  it('never has a private key of a site that made its own', async () => {
    const publicKey = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg='
    const { siteFile } = await installed(bench, 'own-key', '+3225550103', {
      site: { networks: ['192.168.1.0/24'], publicKey },
      defaultRoute: { number: '+3225550111' },
    })
    assert.doesNotMatch(siteFile, /^PrivateKey = /m)
    assert.equal(lastChange().subscribers?.upsert[0]?.channel.peerPublicKey, publicKey)
  })

  it('undoes everything when the node cannot prove it', async () => {
    bench.fakes.settle = { ok: false, reason: 'no tun device' }
    try {
      const { status, body } = await bench.api<{ type: string; detail: string }>('POST', '/v1/subscribers', {
        body: order('broken', '+3225550104'),
      })
      assert.equal(status, 502)
      assert.equal(body.type, 'urn:tieline:problem:install-failed')
      assert.match(body.detail, /no tun device/)
    } finally {
      bench.fakes.settle = { ok: true, reason: '' }
    }
    assert.equal((await bench.api('GET', '/v1/subscribers/broken')).status, 404)
    assert.deepEqual(await rows("select from number where number = '+3225550104'"), [])
    assert.equal(lastChange().subscribers?.remove.length, 1)
  })

  it('writes nothing of a subscriber whose number is taken', async () => {
    const { status, body } = await bench.api<{ type: string }>('POST', '/v1/subscribers', {
      body: order('second', '+3225550101'),
    })
    assert.equal(status, 409)
    assert.equal(body.type, 'urn:tieline:problem:number-taken')
    assert.equal((await bench.api('GET', '/v1/subscribers/second')).status, 404)
  })

  it('refuses guarantees that do not fit the node, and says by how much', async () => {
    const allocations = [{ kind: 'trunk.in', guaranteed: 9, ceiling: 9 }]
    const { status, body } = await bench.api<{ detail: string }>('POST', '/v1/subscribers', {
      body: order('greedy', '+3225550105', { allocations }),
    })
    assert.equal(status, 409)
    assert.match(body.detail, /trunk\.in would be \d+, but the node has 10/)
  })

  it('promises agents no more memory than the node has', async () => {
    const install = (name: string, number: string, memoryMebibytes: number) =>
      bench.api<{ detail: string; details: { holders: { subscriber: string; guaranteed: number }[] } }>(
        'POST',
        '/v1/subscribers',
        {
          body: order(name, number, { allocations: [], agent: { memoryMebibytes } }),
        },
      )
    const { status, body } = await install('hungry', '+3225550115', 16_384)
    assert.equal(status, 409)
    assert.match(body.detail, /agent\.memory would be \d+, but the node has 16384/)
    // To whom else it is guaranteed.
    const { holders } = body.details
    assert.ok(holders.length > 0 && holders.every((one) => one.subscriber.startsWith('sub_') && one.guaranteed <= 256))
    assert.equal((await install('modest', '+3225550115', 128)).status, 201)
    const { body: given } = await bench.api<{ items: Allocation[] }>('GET', '/v1/subscribers/modest/allocations')
    assert.deepEqual(
      given.items.find(({ kind }) => kind === 'agent.memory'),
      { kind: 'agent.memory', guaranteed: 128, ceiling: 384 },
    )
    const grow = (memoryMebibytes: number) =>
      bench.api<{ agent: object }>('PATCH', '/v1/subscribers/modest', { body: { agent: { memoryMebibytes } } })
    assert.deepEqual([(await grow(16_384)).status, (await grow(192)).status], [409, 200])
    const { body: now } = await bench.api<{ agent: { memoryMebibytes: number }; allocations: Allocation[] }>(
      'GET',
      '/v1/subscribers/modest',
    )
    const memory = now.allocations.find(({ kind }) => kind === 'agent.memory')
    assert.deepEqual([now.agent.memoryMebibytes, memory?.guaranteed], [192, 192])
  })

  it('knows the kinds of the platform and of the node, and no others', async () => {
    const set = (kind: string) =>
      bench.api<{ detail: string }>('PUT', `/v1/subscribers/kinds/allocations/${kind}`, { body: { guaranteed: 0, ceiling: 1 } })
    await installed(bench, 'kinds', '+3225550116', { allocations: [] })
    const wrong = await set('voice.promt')
    assert.deepEqual([wrong.status, /no kind voice\.promt/.test(wrong.body.detail)], [404, true])
    await bench.api('PUT', '/v1/capacities/fax.page', { body: { capacity: 4 } })
    assert.equal((await set('fax.page')).status, 200)
  })

  it('has one effect for one Idempotency-Key, and says the same secrets again (PITFALLS B03)', async () => {
    const request = { body: order('once', '+3225550106', { allocations: [] }), idempotencyKey: 'install-once' }
    const first = await bench.api<InstalledBody>('POST', '/v1/subscribers', request)
    const again = await bench.api<InstalledBody>('POST', '/v1/subscribers', request)
    assert.equal(first.status, 201)
    assert.equal(again.status, 201)
    assert.deepEqual(again.body, first.body)
    assert.equal(again.headers.get('idempotency-replayed'), 'true')
    const other = { ...request, body: order('once-more', '+3225550107', { allocations: [] }) }
    assert.equal((await bench.api('POST', '/v1/subscribers', other)).status, 422)
  })

  it('gives two installs at once two slots', async () => {
    const both = await Promise.all([
      installed(bench, 'left', '+3225550108', { allocations: [] }),
      installed(bench, 'right', '+3225550109', { allocations: [] }),
    ])
    assert.notEqual(both[0].subscriber.channel.listenPort, both[1].subscriber.channel.listenPort)
  })

  it('keeps no secret in the clear (PITFALLS F15)', async () => {
    const { siteFile, apiKey, telephones } = await installed(bench, 'sealed', '+3225550110', { allocations: [] })
    const secrets = [
      apiKey,
      telephones[0]!.password,
      ...[...siteFile.matchAll(/(?:PrivateKey|PresharedKey) = (.+)/g)].map((m) => m[1]!),
    ]
    assert.equal(secrets.length, 4)
    const tables: { name: string }[] = await rows("select tablename as name from pg_tables where schemaname = 'public'")
    for (const { name } of tables) {
      const dump = JSON.stringify(await rows(`select * from ${name}`))
      for (const secret of secrets) assert.ok(!dump.includes(secret), `${name} holds a secret`)
    }
    assert.ok(tables.length > 10)
  })
})

describe('removing a subscriber', () => {
  it('leaves no row, frees its number and slot, and its key is nobody’s', async () => {
    const { subscriber, apiKey } = await installed(bench, 'gone', '+3225550120', { allocations: [] })
    assert.equal((await bench.api('GET', '/v1/subscribers/gone', { key: apiKey })).status, 200)
    assert.equal((await bench.api('DELETE', '/v1/subscribers/gone')).status, 204)
    assert.equal((await bench.api('GET', '/v1/subscribers/gone', { key: apiKey })).status, 401)
    assert.deepEqual(lastChange().subscribers?.remove, [subscriber.id])
    const uuid = subscriber.id.slice(4)
    const tables: { name: string }[] = await rows(
      "select table_name as name from information_schema.columns where column_name = 'subscriber_id' and table_schema = 'public'",
    )
    const billing = new Set(['usage', 'invoice', 'entry', 'account', 'account_plan'])
    const checked = tables.filter(({ name }) => !billing.has(name))
    for (const { name } of checked)
      assert.deepEqual(await rows(`select from ${name} where replace(subscriber_id::text, '-', '') = $1`, [uuid]), [], name)
    assert.ok(checked.length >= 10)
    const again = await installed(bench, 'gone', '+3225550120', { allocations: [] })
    assert.equal(again.subscriber.channel.listenPort, subscriber.channel.listenPort)
  })

  it('is finished after a restart when the node had something left', async () => {
    await installed(bench, 'stuck', '+3225550121', { allocations: [] })
    bench.fakes.settle = { ok: false, reason: 'a process is left' }
    assert.equal((await bench.api('DELETE', '/v1/subscribers/stuck')).status, 502)
    bench.fakes.settle = { ok: true, reason: '' }
    await bench.restart()
    for (let i = 0; i < 100 && (await bench.api('GET', '/v1/subscribers/stuck')).status !== 404; i++)
      await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal((await bench.api('GET', '/v1/subscribers/stuck')).status, 404)
  })
})
