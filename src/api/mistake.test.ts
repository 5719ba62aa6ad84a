import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { mistakeOf } from './mistake.ts'
import { InstallOrder, PageParams } from './schema.ts'

const ORDER = { name: 'x', numbers: [], site: { networks: ['192.168.1.0/24'] }, defaultRoute: { pbx: '1' } }

/** What is said of a value, and where. */
function said(schema: TSchema, value: unknown): [string, string] {
  const { instancePath, message } = mistakeOf(schema, Compile(schema).Errors(value))
  return [instancePath, message]
}

test('a wrong word is told which words there are', () => {
  const wrong = { ...ORDER, site: { ...ORDER.site, lan: 'no' } }
  assert.deepEqual(said(InstallOrder, wrong), ['/site/lan', 'must be route or masquerade'])
  const codecs = { ...ORDER, site: { ...ORDER.site, codecs: ['g729'] } }
  assert.deepEqual(said(InstallOrder, codecs), ['/site/codecs/0', 'must be PCMU, PCMA, G722, L16/16000, L16/8000 or opus'])
  const country = { ...ORDER, defaultRoute: { pbx: '1', progress: { country: 'xx' } } }
  assert.match(said(InstallOrder, country)[1], /^must be at, au, be, .* or us$/)
})

test('what is in no form is told the forms, and an unknown key its name', () => {
  const forms = 'must be { pbx }, { user }, { sip }, { trunk, number } or { number }'
  assert.deepEqual(said(InstallOrder, { ...ORDER, defaultRoute: { pbxx: '1' } }), ['/defaultRoute', forms])
  assert.deepEqual(said(InstallOrder, { ...ORDER, defaultRoute: 'pbx:1' }), ['/defaultRoute', forms])
  assert.deepEqual(said(InstallOrder, { ...ORDER, foo: 1 }), ['/foo', 'is not known here'])
  assert.deepEqual(said(PageParams, { limt: 5 }), ['/limt', 'is not known here'])
  assert.deepEqual(said(InstallOrder, { name: 'x' }), ['', 'must have numbers, site, defaultRoute'])
  assert.deepEqual(said(PageParams, { limit: 5000 }), ['/limit', 'must be <= 1000'])
})
