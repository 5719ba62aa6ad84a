import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Id } from '#lib/index.ts'
import { packBundle } from '#platform/agent/index.ts'
import type { CandidateStatus } from '#platform/words/index.ts'
import { type Bench, type InstalledBody, installed, startBench, until } from './bench.ts'

interface Version {
  id: Id<'agt'>
  state: string
  failure: { reason: string; log: string[] } | null
}

let bench: Bench
let acme: InstalledBody
let tarball: Buffer

before(async () => {
  bench = await startBench()
  acme = await installed(bench, 'acme', '+3225550101')
  const directory = join(bench.state, 'program')
  mkdirSync(directory)
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(directory, 'index.js'), 'export default {}\n')
  tarball = await packBundle(directory)
})
after(() => bench?.[Symbol.asyncDispose]())

/** All with the subscriber's own key: it deploys for itself. */
async function ask<T>(method: string, what: string, body?: object): Promise<{ status: number; body: T }> {
  return bench.api<T>(method, `/v1/subscribers/acme/agent${what}`, { key: acme.apiKey, ...(body ? { body } : {}) })
}

async function deploy(): Promise<Version> {
  const path = '/v1/subscribers/acme/agent/versions'
  const { status, body } = await bench.api<Version>('POST', path, { key: acme.apiKey, raw: tarball })
  assert.equal(status, 201)
  return body
}

async function rollback(version?: string): Promise<Version> {
  const { status, body } = await ask<Version>('POST', '/rollback', version ? { version } : {})
  assert.equal(status, 200)
  return body
}

/** What host says of the version that it tries. */
function hostSays(version: Id<'agt'>, verdict: CandidateStatus['verdict'], active: Id<'agt'>): void {
  const candidate = {
    version,
    verdict,
    reason: verdict === 'failed' ? 'it ended twice' : '',
    log: verdict === 'failed' ? ['why'] : [],
  }
  const subscriber = acme.subscriber.id as Id<'sub'>
  bench.fakes.agents.length = 0
  bench.fakes.agents.push({ ...{ subscriber, state: 'ready', reason: '', version: active, pid: 1, restarts: 0 }, candidate })
}

const states = async () => (await ask<{ items: Version[] }>('GET', '/versions')).body.items.map(({ state }) => state).join(' ')
const becomes = (wanted: string) => until(wanted, async () => (await states()) === wanted, 5000)

function published() {
  const change = bench.fakes.published.host.at(-1)
  const upsert = change?.subscribers && 'upsert' in change.subscribers ? change.subscribers.upsert[0] : undefined
  const { version, candidate, failed } = upsert!.agent
  return { version: version?.id, candidate: candidate?.id, failed }
}

test('a version is the active one when host says that it has proven itself, and the one before stays so when it has failed', async () => {
  const one = await deploy()
  assert.equal(one.state, 'active')
  const two = await deploy()
  assert.equal(two.state, 'tried')
  assert.deepEqual(published(), { version: one.id, candidate: two.id, failed: undefined })
  hostSays(two.id, 'trying', one.id)
  assert.equal(await states(), 'tried active')
  hostSays(two.id, 'failed', one.id)
  await becomes('failed active')
  await until('the publication', () => published().candidate === undefined)
  assert.deepEqual(published(), { version: one.id, candidate: undefined, failed: { version: two.id, reason: 'it ended twice' } })
  const shown = { version: two.id, state: 'failed', reason: 'it ended twice', log: ['why'] }
  assert.deepEqual((await ask<{ candidate: object }>('GET', '')).body.candidate, shown)

  const three = await deploy()
  assert.equal((await ask<{ candidate?: { reason: string } }>('GET', '')).body.candidate?.reason, 'it has not been started yet')
  // What host says of another version is not of this one.
  hostSays(two.id, 'failed', one.id)
  hostSays(three.id, 'proven', three.id)
  await becomes('active failed former')
  assert.deepEqual(published(), { version: three.id, candidate: undefined, failed: undefined })
})

test('going back goes to the one before that has not failed, which is tried; what is tried or has failed is taken back', async () => {
  const [three, two, one] = (await ask<{ items: Version[] }>('GET', '/versions')).body.items
  const back = await rollback()
  assert.deepEqual([back.id, back.state], [one!.id, 'tried'])
  const kept = await rollback()
  assert.deepEqual([kept.id, kept.state], [three!.id, 'active'])
  assert.equal(await states(), 'active failed former')
  // By its name also one that has failed: it gets another chance.
  assert.deepEqual([(await rollback(two!.id)).state, await states()], ['tried', 'active tried former'])
  hostSays(two!.id, 'proven', two!.id)
  await becomes('former active former')
  assert.equal((await ask('POST', '/rollback', { version: 'agt_x' })).status, 404)
})
