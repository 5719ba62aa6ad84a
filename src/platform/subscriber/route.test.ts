import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { DefaultRoute } from './record.ts'
import { checkRoute } from './route.ts'

const PBX = { host: '192.168.1.10', port: 5060, number: '+3225550199' }

describe('a default route', () => {
  it('leads somewhere', () => {
    const good: DefaultRoute[] = [
      { pbx: '100' },
      { pbx: '100', via: 'trunk' },
      { user: 'desk' },
      { number: '+3225550100' },
      { trunk: 'carrier', number: '+3225550100', via: 'trunk' },
      { sip: 'sip:100@pbx.office.lan:5070;transport=udp' },
    ]
    for (const route of good) checkRoute('defaultRoute', route, PBX)
  })

  it('is refused where it would end nowhere', () => {
    assert.throws(() => checkRoute('r', { pbx: '100' }, null), /has none/)
    assert.throws(() => checkRoute('r', { pbx: '100', via: 'trunk' }, { host: 'pbx', port: 5060 }), /public number/)
    assert.throws(() => checkRoute('r', { user: 'desk', via: 'trunk' }, PBX), /channel only/)
    assert.throws(() => checkRoute('r', { number: '+3225550100', via: 'channel' }, PBX), /trunk only/)
  })

  it('never holds what could end a line of SIP (PITFALLS F09)', () => {
    const anything = fc.string({ unit: fc.constantFrom('\r', '\n', '\0', ' ', '1', 'a', '@', '<', '>', '"') })
    fc.assert(
      fc.property(anything, (text) => {
        return (
          !/[\r\n\0 <>"]/.test(text) ||
          [{ pbx: text }, { user: text }, { number: text }, { sip: `sip:${text}` }].every((route) => throws(route))
        )
      }),
    )
  })
})

function throws(route: DefaultRoute): boolean {
  try {
    checkRoute('r', route, PBX)
    return false
  } catch {
    return true
  }
}
