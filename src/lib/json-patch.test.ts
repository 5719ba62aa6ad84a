import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { changesBetween, patched } from './json-patch.ts'

const copy = (json: unknown): unknown => JSON.parse(JSON.stringify(json))

test('what has changed between two pieces of JSON makes the second of the first', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
      const steps = copy(changesBetween(copy(before), copy(after)))
      assert.deepEqual(patched(copy(before), steps as ReturnType<typeof changesBetween>), copy(after))
    }),
    { numRuns: 500, seed: 7 },
  )
})

test('a change names what has changed alone, and nothing where nothing has', () => {
  const facts = { id: 'a/b' }
  const before = { facts, legs: [{ state: null, 'x~/y': 1, gone: true }, { state: 1 }], none: undefined }
  const after = { facts, legs: [{ state: { sequence: null }, 'x~/y': 2 }, { state: 1 }], list: [1] }
  assert.deepEqual(changesBetween(before, after), [
    { op: 'replace', path: '/legs/0/state', value: { sequence: null } },
    { op: 'replace', path: '/legs/0/x~0~1y', value: 2 },
    { op: 'remove', path: '/legs/0/gone' },
    { op: 'add', path: '/list', value: [1] },
  ])
  assert.deepEqual(changesBetween(before, copy(before)), [])
  const [leg, answered] = [{ dialog: { kind: 'incoming', a: 1 } }, { dialog: { kind: 'session', b: 2 } }]
  assert.deepEqual(changesBetween(leg, answered), [{ op: 'replace', path: '/dialog', value: answered.dialog }])
  assert.deepEqual(changesBetween([1], [1, 2]), [{ op: 'replace', path: '', value: [1, 2] }])
})

test('a path that leads nowhere changes nothing', () => {
  for (const path of ['/b', '/a/b/c', '/__proto__/x']) {
    assert.throws(() => patched({ a: 1 }, [{ op: 'replace', path, value: 2 }]))
  }
})

test('a member may have the name of what every object inherits', () => {
  const [none, all] = [{}, JSON.parse('{"constructor":1,"toString":{"a":1},"__proto__":{"b":1}}')]
  for (const [before, after] of [
    [none, all],
    [all, none],
    [all, { ...all, constructor: 2 }],
  ]) {
    const steps = copy(changesBetween(before, after)) as ReturnType<typeof changesBetween>
    assert.equal(JSON.stringify(patched(copy(before), steps)), JSON.stringify(after))
  }
})
