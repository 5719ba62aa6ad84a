import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import pg from 'pg'
import { installed, startBench } from './bench.ts'

async function run(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

describe('another PostgreSQL than the embedded one', () => {
  it('serves with an owner that is no superuser, and row-level security holds there too (PITFALLS T02)', async () => {
    await using bench = await startBench(async ({ url }) => {
      await run(url, 'create role owner login createrole nosuperuser', 'create database owned owner owner')
      return url.replace('//tieline@', '//owner@').replace('/tieline?', '/owned?')
    })
    const acme = await installed(bench, 'acme', '+3225550101')
    await installed(bench, 'globex', '+3225550102')
    assert.equal((await bench.api('GET', '/v1/subscribers/globex', { key: acme.apiKey })).status, 404)
    assert.equal(
      (await bench.api('PATCH', '/v1/subscribers/acme', { key: acme.apiKey, body: { decisionDeadlineMs: 500 } })).status,
      200,
    )
    assert.equal((await bench.api('DELETE', '/v1/subscribers/globex')).status, 204)
    await bench.restart()
    const { body } = await bench.api<{ items: { name: string }[] }>('GET', '/v1/subscribers')
    assert.deepEqual(
      body.items.map(({ name }) => name),
      ['acme'],
    )
  })
})
