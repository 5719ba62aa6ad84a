import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId, silentLog } from '#lib/index.ts'
import type { Snapshot, SubscriberConfig } from '#platform/words/index.ts'
import { endpointFile, SnapshotFile } from './index.ts'

function scratch() {
  const directory = mkdtempSync(join(tmpdir(), 'tlsn-'))
  return { file: join(directory, 'snapshot.json'), directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) }
}

const subscriber = (name: string) => ({ id: newId('sub'), name }) as SubscriberConfig
const snapshot = (number: number, subscribers: SubscriberConfig[]): Snapshot => ({
  ...{ number, capacities: [], trunks: [], subscribers, emergency: { numbers: [] }, ca: '' },
  switchCertificate: { certificate: '', key: 'v1.x' },
})

test('a snapshot that was taken is there after a restart, readable for its owner alone', () => {
  using place = scratch()
  const acme = subscriber('acme')
  assert.deepEqual(new SnapshotFile(place.file, silentLog).publish({ snapshot: snapshot(7, [acme]) }), {
    number: 7,
    changed: true,
  })
  const again = new SnapshotFile(place.file, silentLog)
  assert.equal(again.number, 7)
  assert.deepEqual(again.subscriber(acme.id), acme)
  assert.equal(statSync(place.file).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(place.directory), ['snapshot.json'])
})

test('a change is taken only on its own base; else the number asks for the whole', () => {
  using place = scratch()
  const [acme, globex] = [subscriber('acme'), subscriber('globex')]
  const file = new SnapshotFile(place.file, silentLog)
  const change = { number: 8, base: 7, subscribers: { upsert: [globex], remove: [acme.id] } }
  assert.deepEqual(file.publish({ change }), { number: 0, changed: false })
  file.publish({ snapshot: snapshot(7, [acme]) })
  assert.deepEqual(file.publish({ change }), { number: 8, changed: true })
  assert.deepEqual(
    file.subscribers.map(({ name }) => name),
    ['globex'],
  )
  assert.deepEqual(file.publish({ change }), { number: 8, changed: false })
})

test('a damaged file is as none: control publishes anew', () => {
  using place = scratch()
  writeFileSync(place.file, '{"number": 7, "subs')
  assert.equal(new SnapshotFile(place.file, silentLog).number, 0)
})

test('where a site was seen last survives a restart, until it is forgotten', () => {
  using place = scratch()
  const id = newId('sub')
  endpointFile(place.file, silentLog).set(id, '192.0.2.7:40000')
  const again = endpointFile(place.file, silentLog)
  assert.equal(again.get(id), '192.0.2.7:40000')
  again.set(id, null)
  assert.equal(endpointFile(place.file, silentLog).get(id), undefined)
})
