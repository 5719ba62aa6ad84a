import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClientSlots } from './client-slots.ts'
import type { ClientTransaction } from './client-transaction.ts'

const made = (branch: string, method = 'INVITE') => ({ branch, method }) as ClientTransaction

test('a transaction is found by its branch and its method, and by nothing that only looks like them', () => {
  const slots = new ClientSlots()
  const [one, two] = [made(slots.newBranch('aaa')), made(slots.newBranch('aaa'))]
  slots.add(one)
  const other = made(slots.newBranch('bbb'), 'BYE')
  slots.add(other)
  assert.notEqual(one.branch, other.branch)
  assert.equal(slots.find(one.branch, 'INVITE'), one)
  assert.equal(slots.find(other.branch, 'BYE'), other)
  for (const guess of [
    'z9hG4bK0-bbb',
    'z9hG4bK0-',
    'z9hG4bK0',
    'z9hG4bK00-aaa',
    'z9hG4bK1-aaa',
    'z9hG4bK',
    '',
    'z9hG4bK99999999999999-aaa',
  ])
    assert.equal(slots.find(guess, 'INVITE'), undefined, guess)
  assert.equal(slots.find(one.branch, 'BYE'), undefined)
  slots.delete(one)
  assert.equal(slots.find(one.branch, 'INVITE'), undefined)
  slots.add(two)
  assert.equal(slots.find(two.branch, 'INVITE'), two)
})

test('a CANCEL beside its INVITE, and what a former process has sent, have their own place', () => {
  const slots = new ClientSlots()
  const invite = made(slots.newBranch('aaa'))
  slots.add(invite)
  const cancel = made(invite.branch, 'CANCEL')
  const former = [made('z9hG4bK0-ccc'), made('z9hG4bKold'), made('z9hG4bK7-ddd')]
  for (const transaction of [cancel, ...former]) slots.add(transaction)
  for (const transaction of [invite, cancel, ...former])
    assert.equal(slots.find(transaction.branch, transaction.method), transaction)
  assert.deepEqual([slots.size, [...slots].length], [5, 5])
  slots.delete(invite)
  assert.equal(slots.find(cancel.branch, 'CANCEL'), cancel)
  for (const transaction of [cancel, ...former]) slots.delete(transaction)
  assert.equal(slots.size, 0)
})

test('places are taken again, and none twice', () => {
  const slots = new ClientSlots()
  const alive: ClientTransaction[] = []
  for (let i = 0; i < 2000; i++) {
    const transaction = made(slots.newBranch(`r${i}`))
    slots.add(transaction)
    alive.push(transaction)
    if (alive.length > 10) slots.delete(alive.splice((i * 7) % alive.length, 1)[0]!)
    for (const one of alive) assert.equal(slots.find(one.branch, 'INVITE'), one)
  }
  assert.equal(slots.size, alive.length)
  assert.ok(Number(/bK(\d+)-/.exec(slots.newBranch(''))?.[1]) <= 11)
})
