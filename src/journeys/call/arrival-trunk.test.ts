import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import type { TrunkConfig } from '#platform/words/index.ts'
import { parseMessage, type SipRequest } from '#protocol/sip/index.ts'
import { readArrival } from './arrival.ts'

const invite = (user: string, to: string) =>
  parseMessage(
    Buffer.from(
      [
        `INVITE sip:${user}@192.0.2.1 SIP/2.0`,
        `From: <sip:0470123456@x>;tag=1`,
        `To: <sip:${to}@x>`,
        'CSeq: 1 INVITE',
        '',
        '',
      ].join('\r\n'),
    ),
  ) as SipRequest

test('a carrier that we are registered at calls our contact: the number is in To, in its own form', () => {
  const trunk: TrunkConfig = {
    ...{ id: newId('trk'), name: 't', gateways: [], emergencyReserve: 0, media: 'relay' },
    ...{ credentials: { user: 'tl', password: 'v1.' }, registerSeconds: 600 },
    numbers: { in: [{ prefix: '0', replace: '+32' }], out: [] },
  }
  const { from, to } = readArrival(invite('tl', '025550101'), { trusted: true, trunk })
  assert.deepEqual([from.number, to.number], ['+32470123456', '+3225550101'])
  assert.equal(readArrival(invite('025550102', '025550101'), { trusted: true, trunk }).to.number, '+3225550102')
})
