import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReplaces, replacesOf } from './replaces.ts'

test('S29 a Replaces header names one dialog: both tags and the Call-ID, or it is none', () => {
  const plain = { callId: '425928@bobster.example.org', toTag: '7743', fromTag: '6472', earlyOnly: false }
  assert.deepEqual(parseReplaces('425928@bobster.example.org;to-tag=7743;from-tag=6472'), plain)
  assert.deepEqual(parseReplaces(' 425928@bobster.example.org ; from-tag=6472 ; to-tag=7743;early-only'), {
    ...plain,
    earlyOnly: true,
  })
  for (const none of ['', ';to-tag=1;from-tag=2', 'x', 'x;to-tag=1', 'x;from-tag=1', 'x;to-tag=;from-tag=1', 'x;"']) {
    assert.equal(parseReplaces(none), null, none)
  }
})

test('a Refer-To URI carries it escaped, beside other headers or not at all', () => {
  const found = { callId: 'a@b', toTag: '1', fromTag: '2', earlyOnly: false }
  assert.deepEqual(replacesOf('Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2'), found)
  assert.deepEqual(replacesOf('Require=replaces&replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2'), found)
  assert.equal(replacesOf(undefined), undefined)
  assert.equal(replacesOf('Subject=x'), undefined)
  for (const broken of ['Replaces=%', 'Replaces=%zz', 'Replaces=']) assert.equal(replacesOf(broken), null, broken)
})
