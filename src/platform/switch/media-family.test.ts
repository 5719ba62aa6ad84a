import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LegMedia, NotAcceptable } from './media.ts'

/** A leg whose end in voice is at this address. */
function leg(address: string): LegMedia {
  const snapshot = { id: 'med_0001' as const, voice: 0, address, port: 20_000 }
  const endpoint = { snapshot, id: snapshot.id, describe: async () => {} } as unknown as ConstructorParameters<typeof LegMedia>[0]
  return new LegMedia(endpoint)
}

function sdp(connection: string): string {
  return ['v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', `c=IN ${connection}`, 't=0 0', 'm=audio 4000 RTP/AVP 0', ''].join('\r\n')
}

test('a leg names an address of its own family, and takes sound of no other one', () => {
  const six = leg('fd00::1')
  assert.match(six.offer(), /\r\nc=IN IP6 fd00::1\r\n/)
  assert.throws(() => six.readAnswer(sdp('IP4 192.0.2.9')), NotAcceptable)
  six.readAnswer(sdp('IP6 fd12::9'))
  assert.throws(() => six.answer(sdp('IP4 192.0.2.9'), { again: true }), NotAcceptable)
  assert.throws(() => leg('192.0.2.1').answer(sdp('IP6 fd12::9')), NotAcceptable)
})

test('S48 a hold by the address of nowhere is one in either family', () => {
  for (const [own, nowhere] of [
    ['fd00::1', 'IP4 0.0.0.0'],
    ['fd00::1', 'IP6 ::'],
    ['192.0.2.1', 'IP6 ::'],
  ] as const)
    assert.match(leg(own).answer(sdp(nowhere)), /\r\nm=audio 20000 /)
})
