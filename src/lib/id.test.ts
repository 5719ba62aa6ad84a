import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idOf, isId, newId, token, uuidOf } from './id.ts'

test('an id is its prefix and a UUIDv7 of the given moment', () => {
  const id = newId('call', Date.UTC(2026, 10, 23))
  assert.match(id, /^call_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
  assert.equal(Number.parseInt(id.slice(5, 17), 16), Date.UTC(2026, 10, 23))
})

test('each id is of its own prefix and moment, whatever the one before was', () => {
  const [early, late] = [Date.UTC(1970, 0, 1), Date.UTC(2500, 0, 1)]
  const asked = [
    ['evt', early],
    ['evt', early],
    ['evt', late],
    ['call', late],
    ['evt', late + 0.9],
    ['node', 1],
  ] as const
  for (const [prefix, wall] of asked) {
    const id = newId(prefix, wall)
    assert.ok(isId(prefix, id), id)
    assert.equal(Number.parseInt(id.slice(prefix.length + 1, prefix.length + 13), 16), Math.floor(wall))
    assert.match(id.slice(prefix.length + 13), /^7[0-9a-f]{3}[89ab]/)
  }
})

test('every other digit of an id is random', () => {
  const ids = Array.from({ length: 1000 }, () => newId('call', 1))
  for (let i = 'call_'.length + 13; i < ids[0]!.length; i++) {
    const digits = new Set(ids.map((id) => id[i])).size
    assert.equal(digits, i === 'call_'.length + 16 ? 4 : 16, `digit ${i}`)
  }
})

test('ids sort by time and do not repeat', () => {
  const ids = Array.from({ length: 10_000 }, (_, i) => newId('lse', 1_000 + i))
  assert.deepEqual(ids, ids.toSorted())
  assert.equal(new Set(ids).size, ids.length)
  assert.equal(new Set(Array.from({ length: 10_000 }, () => newId('leg', 1))).size, 10_000)
})

test('an id and its stored UUID lead to each other', () => {
  const id = newId('sub')
  assert.match(uuidOf(id), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(idOf('sub', uuidOf(id)), id)
})

test('only a well-formed id of the prefix is an id', () => {
  assert.ok(isId('sub', newId('sub')))
  for (const wrong of [newId('call'), 'sub_', 'sub_xyz', `${newId('sub')}0`, 7, null]) assert.equal(isId('sub', wrong), false)
})

test('a token has the asked number of random bytes', () => {
  assert.match(token(5), /^[0-9a-f]{10}$/)
  assert.notEqual(token(), token())
})
