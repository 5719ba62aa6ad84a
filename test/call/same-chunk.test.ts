import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { formatMessage, headerOf, type Message, uriOf } from '../peer/sip/message.ts'
import { accepted, StreamPeer } from '../peer/sip/stream-peer.ts'
import { World } from './harness.ts'
import { dial, invite, place, reach } from './stream-caller.ts'

function cancelOf({ uri, headers }: Message): Message {
  const left = headers.filter(([name]) => !name.startsWith('Content'))
  return {
    method: 'CANCEL',
    uri: uri!,
    headers: left.map(([name, value]) => [name, name === 'CSeq' ? '1 CANCEL' : value]),
    body: '',
  }
}

/** The far end hangs up what it has answered by `ok`. */
function byeBy({ address, port }: StreamPeer, asked: Message, ok: Message): Message {
  const value = (name: string) => headerOf(ok, name)
  return {
    method: 'BYE',
    uri: uriOf(headerOf(asked, 'contact')),
    headers: [
      ['Via', `SIP/2.0/TCP ${address}:${port};branch=z9hG4bKbye-at-once`],
      ['From', value('to')],
      ['To', value('from')],
      ['Call-ID', value('call-id')],
      ['CSeq', '1 BYE'],
      ['Max-Forwards', '70'],
    ],
    body: '',
  }
}

/** Calls go to a far end by TCP that sends something else with its 2xx, in one segment. Its connection is there from a call before. */
async function farEnd(world: World, beside: (asked: Message, ok: Message, peer: StreamPeer) => Message) {
  await reach(world, { transport: 'tcp' })
  const peer = await StreamPeer.open(`${world.net}.3`, 5060)
  world.defer(() => peer.close())
  const before = await place(world, await dial(world))
  before.hangup()
  await world.quiet()
  const connection = peer.connections[0]!
  const answer = connection.onMessage
  connection.onMessage = (message) => {
    if (message.method !== 'INVITE') return answer(message)
    const ok = accepted(message, { address: peer.address, port: peer.port, transport: 'tcp' })
    connection.socket.write(Buffer.concat([formatMessage(ok), formatMessage(beside(message, ok, peer))]))
  }
  return connection
}

test('S18 a BYE that comes in one segment with the 2xx: the caller is not answered for nobody, and nothing stays leased', async () => {
  await using world = await World.open()
  const connection = await farEnd(world, (asked, ok, peer) => byeBy(peer, asked, ok))
  const { answer } = await place(world, await dial(world))
  await until('the BYE to be answered', () => connection.responses('BYE').includes(200), 2000)
  assert.equal(answer.status, 480)
  await world.quiet()
})

test('S18 a CANCEL that comes in one segment with the 2xx: who has answered is acknowledged and let go', async () => {
  await using world = await World.open()
  // Its own caller is called there, too.
  const wanted = invite(world)
  const connection = await farEnd(world, () => cancelOf(wanted))
  const count = (method: string) => connection.requests(method).length
  const [acks, byes] = [count('ACK'), count('BYE')]
  connection.send(wanted)
  await until('the caller to hear of its CANCEL', () => connection.responses('INVITE').includes(487), 4000)
  await until('the answer to be acknowledged', () => count('ACK') > acks, 2000)
  await until('who has answered to be let go', () => count('BYE') > byes, 2000)
  await world.quiet()
})
