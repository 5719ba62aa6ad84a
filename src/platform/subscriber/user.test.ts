import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TielineError } from '#lib/index.ts'
import type { UserConfig } from '#platform/words/index.ts'
import { checkUserConfig, type UserSurroundings } from './user.ts'

const AROUND: UserSurroundings = {
  telephones: [{ name: '101' }, { name: '102' }],
  users: [{ name: 'sales', forward: { unconditional: { user: '102' } } }],
  pbx: null,
  forwardOutside: 'allowed',
  emergencyNumbers: ['112'],
}

/** The field that is refused; null where all is well. */
function refused(user: Omit<UserConfig, 'name'>, around: Partial<UserSurroundings> = {}): unknown {
  try {
    checkUserConfig({ name: '101', ...user }, { ...AROUND, ...around })
    return null
  } catch (error) {
    assert.ok(error instanceof TielineError)
    return error.details.field
  }
}

test('a user leads to telephones, users, extensions and numbers that are there', () => {
  assert.equal(refused({ ring: [{ at: [{ user: '101' }, { user: 'sales' }, { number: '+3225550199' }], seconds: 15 }] }), null)
  assert.equal(refused({ forward: { busy: { user: '103' } } }), 'forward.busy')
  assert.equal(refused({ forward: { unregistered: { pbx: '200' } } }), 'forward.unregistered')
  assert.equal(refused({ forward: { unregistered: { pbx: '200' } } }, { pbx: { host: 'pbx', port: 5060 } }), null)
  assert.equal(refused({ forward: { noAnswer: { to: { user: '102' }, afterSeconds: 0 } } }), 'forward.noAnswer')
  assert.equal(refused({ ring: [] }), 'ring')
})

test('F14 a number outside is taken where the operator allows it, and an emergency number never', () => {
  const forward = { busy: { number: '+32470123456' } }
  assert.equal(refused({ forward }), null)
  assert.equal(refused({ forward }, { forwardOutside: 'denied' }), 'forward.busy')
  assert.equal(refused({ forward: { busy: { number: '112' } } }), 'forward.busy')
})

test('S47 forwards that would always go round are refused, those that only may are not', () => {
  const users: UserConfig[] = [{ name: '102', forward: { unconditional: { user: '101' } } }]
  assert.equal(refused({ forward: { unconditional: { user: '101' } } }), 'forward.unconditional')
  assert.equal(refused({ forward: { unconditional: { user: '102' } } }, { users }), 'forward.unconditional')
  assert.equal(refused({ forward: { busy: { user: '102' } } }, { users }), null)
})
