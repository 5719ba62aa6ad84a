import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dialogs, type DialogUser } from './dialogs.ts'

const made = (localTag: string, callId = 'c', remoteTag = 'r'): DialogUser => ({
  localTag,
  isNamed: (call, tag) => call === callId && tag === remoteTag,
  receive() {},
})

test('a dialog is found by its Call-ID and both tags, and by nothing that only looks like them', () => {
  const dialogs = new Dialogs()
  const one = made(dialogs.newTag())
  dialogs.add(one)
  const other = made(dialogs.newTag())
  dialogs.add(other)
  assert.equal(dialogs.find('c', one.localTag, 'r'), one)
  assert.equal(dialogs.find('c', other.localTag, 'r'), other)
  assert.equal(dialogs.find('x', one.localTag, 'r'), undefined)
  assert.equal(dialogs.find('c', one.localTag, 'x'), undefined)
  for (const guess of ['0', '0x', '1xaaaaaaaaaaaaaaaa', `0${one.localTag}`, `${one.localTag}0`, '99999999999xa', ''])
    assert.equal(dialogs.find('c', guess, 'r'), undefined, guess)
})

test('the confirmed dialog takes the place of the early one, which can no longer give it up', () => {
  const dialogs = new Dialogs()
  const early = made(dialogs.newTag())
  dialogs.add(early)
  const confirmed = made(early.localTag)
  dialogs.add(confirmed)
  dialogs.delete(early)
  assert.deepEqual([dialogs.find('c', early.localTag, 'r'), dialogs.size], [confirmed, 1])
  dialogs.delete(confirmed)
  dialogs.delete(confirmed)
  assert.deepEqual([dialogs.find('c', early.localTag, 'r'), dialogs.size], [undefined, 0])
})

test('dialogs of a former process are found beside ours, whatever place their tags tell', () => {
  const dialogs = new Dialogs()
  const ours = made(dialogs.newTag())
  dialogs.add(ours)
  const former = ['0xbbbb', '1xcccc', '7xdddd', 'a73e1f', '2xeeee', '1e4f'].map((tag) => made(tag))
  for (const dialog of former) dialogs.add(dialog)
  const next = made(dialogs.newTag())
  dialogs.add(next)
  for (const dialog of [ours, next, ...former]) assert.equal(dialogs.find('c', dialog.localTag, 'r'), dialog)
  assert.equal(dialogs.size, 8)
  for (const dialog of [ours, ...former, next]) dialogs.delete(dialog)
  assert.equal(dialogs.size, 0)
})
