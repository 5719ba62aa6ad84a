import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TielineError } from '#lib/index.ts'
import { Grammar } from './grammar.ts'

test('phrases become a grammar, and what is heard becomes the phrase as it was given', () => {
  const grammar = new Grammar(['Billing Department', 'I don’t know', '42'])
  assert.match(grammar.jsgf, /= \(billing department \| i don't know \| four two\);/)
  assert.equal(grammar.given('billing department'), 'Billing Department')
  assert.equal(grammar.given('four two'), '42')
  assert.equal(grammar.given('billing'), undefined)
})

test('nothing in a phrase becomes part of the grammar’s own language', () => {
  const bent = [
    'yes | no',
    'a);public <x> = (b',
    '<phrase>',
    '"quoted"',
    'yes\\',
    '/10/ yes',
    '{tag}',
    '[maybe]',
    'yes*',
    'a\u0000b',
    '',
  ]
  for (const phrase of bent) {
    assert.throws(
      () => new Grammar([phrase]),
      (error) => error instanceof TielineError && error.verdict.code === 'invalid-argument',
    )
  }
  assert.doesNotMatch(new Grammar(['yes;\n'.replace(';', '.')]).jsgf, /yes\./)
  assert.throws(() => new Grammar([]))
})
