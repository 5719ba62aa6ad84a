import { connect as connectTcp } from 'node:net'
import type { GatewayConfig, TrunkTls } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { headerOf, type Message } from '../peer/sip/message.ts'
import { describe, PeerConnection } from '../peer/sip/stream-peer.ts'
import { DID, type World } from './harness.ts'

/** How the second carrier, which calls are sent on to, is reached. */
export async function reach(world: World, change: Partial<GatewayConfig>, tls?: TrunkTls): Promise<void> {
  const trunks = world.snapshot.trunks.map((trunk) => {
    const gateways = trunk.gateways.map((gateway) => ({ ...gateway, ...change }))
    return { ...trunk, gateways: trunk.name === 'other' ? gateways : trunk.gateways, ...(tls ? { tls } : {}) }
  })
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
}

let calls = 0

/** An INVITE of the first carrier's over a connection, with what else its head says. */
export function invite(world: World, transport = 'TCP', more: [string, string][] = []): Message {
  const n = ++calls
  const at = `${world.net}.2`
  return {
    method: 'INVITE',
    uri: `sip:${DID}@${world.node.address}`,
    headers: [
      // Where nobody listens: whoever answers by a new connection is not heard (S42).
      ['Via', `SIP/2.0/${transport} ${at}:9;branch=z9hG4bKconn${n};rport`],
      ['Max-Forwards', '70'],
      ['From', `<sip:+32470123456@${at}>;tag=conn${n}`],
      ['To', `<sip:${DID}@${world.node.address}>`],
      ['Call-ID', `conn${n}@${at}`],
      ['CSeq', '1 INVITE'],
      ['Contact', `<sip:${at}:9;transport=${transport.toLowerCase()}>`],
      ['Content-Type', 'application/sdp'],
      ...more,
    ],
    body: describe(at),
  }
}

/** A request inside the dialog that the INVITE made. */
function inside(of: Message, answer: Message, method: string): Message {
  const n = ++calls
  const headers = of.headers.flatMap(([name, value]): [string, string][] => {
    if (name === 'Via') return [[name, value.replace(/z9hG4bK\w+/, `z9hG4bKconn${n}`)]]
    if (name === 'To') return [[name, headerOf(answer, 'to')]]
    if (name === 'CSeq') return [[name, `${method === 'ACK' ? 1 : 2} ${method}`]]
    return name === 'Content-Type' ? [] : [[name, value]]
  })
  return { method, uri: /<([^>]+)>/.exec(headerOf(answer, 'contact'))![1]!, headers, body: '' }
}

export async function dial(world: World): Promise<PeerConnection> {
  const socket = connectTcp({ host: world.node.address, port: 5060, localAddress: `${world.net}.2` })
  world.defer(() => void socket.destroy())
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return new PeerConnection(socket)
}

/** A whole call over this connection, up to its answer. */
export async function place(world: World, connection: PeerConnection, message = invite(world)) {
  connection.send(message)
  const callId = headerOf(message, 'call-id')
  const answer = await until(
    'an answer',
    () => connection.messages.find((m) => m.status !== undefined && m.status >= 200 && headerOf(m, 'call-id') === callId),
    4000,
  )
  if (answer.status === 200) connection.send(inside(message, answer, 'ACK'))
  return { answer, hangup: () => connection.send(inside(message, answer, 'BYE')), callId }
}
