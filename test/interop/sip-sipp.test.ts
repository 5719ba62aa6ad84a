import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog, systemClock } from '#lib/index.ts'
import { createAnswer, createOffer, G711, negotiate, readAnswer } from '#protocol/sdp/index.ts'
import { createUserAgent, type Hop, type UserAgent, type UserAgentOptions } from '#protocol/sip/index.ts'

const ADDRESS = '127.0.0.1'
const CALLS = 20
const RTP = { transport: 'rtp' } as const

/** A user agent of ours on a UDP socket of the loopback. */
async function onSocket(
  options: Pick<UserAgentOptions, 'onInvite'>,
): Promise<{ agent: UserAgent; port: number } & AsyncDisposable> {
  const socket: Socket = createSocket('udp4')
  socket.bind(0, ADDRESS)
  await once(socket, 'listening')
  const { port } = socket.address()
  const agent = createUserAgent({
    clock: systemClock,
    log: silentLog,
    transport: { local: { address: ADDRESS, port }, send: ({ bytes }, to) => socket.send(bytes, to.port, to.address) },
    // Transactions linger for 64*T1 afterwards: short here, so that the test can see them go.
    timers: { t1: 30, t2: 240, t4: 300 },
    onRequest: (request) => request.respond(200),
    ...options,
  })
  socket.on('message', (bytes, from) => agent.receive(bytes, { transport: 'udp', address: from.address, port: from.port }))
  const dispose = async () => {
    agent.close()
    socket.close()
    await once(socket, 'close')
  }
  return { agent, port, [Symbol.asyncDispose]: dispose }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, ADDRESS)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

/** Runs SIPp to its end; gives its exit status (0: every call went as its scenario says) and what it printed. */
async function sipp(args: readonly string[]): Promise<{ status: number | null; output: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'tieline-sipp-'))
  try {
    const child = spawn(
      'sipp',
      [...args, '-i', ADDRESS, '-mi', ADDRESS, '-m', String(CALLS), '-nostdin', '-timeout', '20s', '-timeout_error'],
      {
        cwd: directory,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk))
    const [status] = (await once(child, 'exit')) as [number | null]
    return { status, output: output.slice(-2000) }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Polls until every transaction has ended. */
async function comesToRest(agent: UserAgent): Promise<void> {
  for (let i = 0; i < 100 && agent.counts.transactions + agent.counts.sessions > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.deepEqual(agent.counts, { transactions: 0, sessions: 0, subscriptions: 0 })
}

test('SIPp’s uac calls a user agent of ours', { timeout: 40_000 }, async () => {
  const ended: string[] = []
  await using server = await onSocket({
    onInvite(invite) {
      const negotiated = negotiate(invite.request.body, RTP, G711)
      if (!negotiated.agreed) {
        invite.refuse(negotiated.status)
        return
      }
      invite.provisional(180)
      const local = { address: ADDRESS, port: 30000, sessionId: '1', version: 1 }
      const content = createAnswer(invite.request.body, negotiated, local, G711)
      const session = invite.accept({ body: { type: 'application/sdp', content } })
      void session?.ended.then((end) => ended.push(end.by))
    },
  })
  const { status, output } = await sipp(['-sn', 'uac', '-p', String(await freePort()), '-r', '20', `${ADDRESS}:${server.port}`])
  assert.equal(status, 0, output)
  assert.deepEqual(ended, Array(CALLS).fill('remote'))
  await comesToRest(server.agent)
})

test('a user agent of ours calls SIPp’s uas', { timeout: 40_000 }, async () => {
  await using client = await onSocket({ onInvite: (invite) => invite.refuse(480) })
  const port = await freePort()
  const to: Hop = { transport: 'udp', address: ADDRESS, port }
  const running = sipp(['-sn', 'uas', '-p', String(port)])
  const offer = createOffer({ address: ADDRESS, port: 30000, sessionId: '1', version: 1 }, RTP, G711)
  const call = async (n: number) => {
    const sent = client.agent.invite({
      uri: `sip:${n}@${ADDRESS}:${port}`,
      to,
      from: `"Müller \\"${n}\\"" <sip:tieline@${ADDRESS}>`,
      toHeader: `<sip:${n}@${ADDRESS}>`,
      body: { type: 'application/sdp', content: offer },
    })
    const session = await sent.answered
    const answer = readAnswer(offer, session.remoteBody, RTP, G711)
    assert.ok(answer.agreed && answer.agreement.send.codec === 'PCMU')
    await session.bye()
    assert.equal((await session.ended).by, 'local')
  }
  // The first INVITEs may come before SIPp listens: they are sent again.
  await Promise.all(Array.from({ length: CALLS }, (_, n) => call(n)))
  const { status, output } = await running
  assert.equal(status, 0, output)
  await comesToRest(client.agent)
})
