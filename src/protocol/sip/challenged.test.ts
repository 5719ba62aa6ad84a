import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Credentials } from './digest.ts'
import { DigestGuard } from './digest-guard.ts'
import type { SipRequest } from './message.ts'
import { hop, SimulatedNetwork } from './simulated-network.ts'
import type { HeaderList, IncomingInvite, UserAgentOptions } from './types.ts'

const CARRIER = '192.0.2.2'
const INVITE = { uri: `sip:1@${CARRIER}`, to: hop(CARRIER), from: '<sip:2@192.0.2.1>', toHeader: '<sip:1@192.0.2.2>' }

/** A carrier that lets nothing happen without a password, and the switch that may know it. */
function scene(options: { knows?: string; stranger?: boolean } = {}) {
  const network = new SimulatedNetwork()
  const guard = new DigestGuard({ realm: 'carrier', clock: network.clock })
  const seen: { request: SipRequest; let: boolean }[] = []
  const passes = (request: SipRequest): HeaderList | null => {
    const verdict = guard.check(request, (user) => (user === 'trunk1' ? 'right' : undefined))
    seen.push({ request, let: 'user' in verdict })
    return 'user' in verdict ? null : verdict.challenge
  }
  const invites: IncomingInvite[] = []
  const carrier: Partial<UserAgentOptions> = {
    onInvite(invite) {
      const challenge = passes(invite.request)
      if (challenge) return invite.refuse(401, { headers: challenge })
      invites.push(invite)
      const session = invite.accept({ contact: `<sip:1@${CARRIER}>` })!
      session.serve({
        onReinvite(reinvite) {
          const again = passes(reinvite.request)
          if (again) reinvite.refuse(401, { headers: again })
          else reinvite.accept({})
        },
      })
    },
    onRequest(incoming) {
      const challenge = passes(incoming.request)
      if (challenge) incoming.respond(401, { headers: challenge })
      else incoming.respond(200)
    },
  }
  network.userAgent(CARRIER, carrier)
  const credentials: Credentials = { user: 'trunk1', password: options.knows ?? 'right' }
  const us = network.userAgent('192.0.2.1', {
    credentials: (to) => (to.address === CARRIER && !options.stranger ? credentials : undefined),
  })
  return { network, us, seen, invites, guard }
}

/** Turns the clock until the promise is settled. */
async function settled<T>(network: SimulatedNetwork, promise: Promise<T>): Promise<T> {
  let done = false
  promise.then(
    () => (done = true),
    () => (done = true),
  )
  for (let i = 0; i < 400 && !done; i++) {
    network.clock.turn(1)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return promise
}

test('S44 S45 INVITE, re-INVITE and a request by itself are answered when challenged: same Call-ID, the next CSeq', async () => {
  const { network, us, seen, invites } = scene()
  const invite = us.invite(INVITE)
  const session = await settled(network, invite.answered)
  assert.deepEqual(
    seen.map((s) => [s.request.callId, s.request.cseq.sequence, s.let]),
    [
      [invite.callId, 1, false],
      [invite.callId, 2, true],
    ],
  )
  assert.equal(invites.length, 1)
  const answer = await settled(network, session.reinvite({ type: 'application/sdp', content: '' }))
  assert.equal(answer.status, 200)
  assert.deepEqual(
    seen.slice(2).map((s) => [s.request.cseq.sequence, s.let, /nc=00000002/.test(s.request.header('authorization')!)]),
    [[3, true, true]],
    'the nonce that is known goes on, with its count',
  )
  const request = { method: 'OPTIONS', uri: INVITE.uri, to: INVITE.to, from: INVITE.from, toHeader: INVITE.toHeader }
  assert.equal((await settled(network, us.request(request))).status, 200)
  network.clock.turn(400_000)
  assert.equal((await settled(network, us.request({ ...request, callId: 'c', sequence: 7 }))).status, 200)
  assert.deepEqual(
    seen.slice(-2).map((s) => [s.request.callId, s.request.cseq.sequence, s.let]),
    [
      ['c', 7, false],
      ['c', 8, true],
    ],
    'a nonce that has grown old costs one retry',
  )
})

test('S44 a wrong password is tried once, and then no more', async () => {
  const { network, us, seen } = scene({ knows: 'wrong' })
  await assert.rejects(settled(network, us.invite(INVITE).answered), { status: 401 })
  assert.equal(seen.length, 2)
  await assert.rejects(settled(network, us.invite(INVITE).answered), { status: 401 })
  assert.equal(seen.length, 4)
  network.clock.turn(60_000)
  assert.equal(network.clock.pending, 0)
})

test('F05 without credentials for the hop nothing is answered', async () => {
  const { network, us, seen } = scene({ stranger: true })
  await assert.rejects(settled(network, us.invite(INVITE).answered), { status: 401 })
  assert.equal(seen.length, 1)
  assert.equal(network.count(/Authorization:/), 0)
})

test('S18 a challenge that crosses our CANCEL is not answered', async () => {
  const { network, us, seen } = scene()
  const invite = us.invite(INVITE)
  network.clock.turn(1)
  invite.cancel()
  await assert.rejects(settled(network, invite.answered), { reason: 'cancelled' })
  network.clock.turn(40_000)
  assert.equal(seen.length, 1)
})

test('S10 what was asked before the answer and is challenged behind it counts on in the dialog: no CSeq is there twice', async () => {
  const network = new SimulatedNetwork()
  const guard = new DigestGuard({ realm: 'carrier', clock: network.clock })
  const numbers: number[] = []
  const text = (body: string) => ({ type: 'application/sdp', content: body })
  network.userAgent(CARRIER, {
    onInvite(invite) {
      invite.provisional(183, { body: text('answer'), headers: [['Allow', 'INVITE, UPDATE']] })
      invite.onUpdate = (update) => {
        numbers.push(update.request.cseq.sequence)
        // The answer overtakes the challenge.
        const session = invite.accept({ contact: `<sip:1@${CARRIER}>` })!
        session.serve({
          onRequest(incoming) {
            numbers.push(incoming.request.cseq.sequence)
            incoming.respond(200)
          },
        })
        const verdict = guard.check(update.request, () => 'right')
        network.clock.after(100, () => update.respond(401, 'user' in verdict ? {} : { headers: verdict.challenge }))
      }
    },
  })
  const us = network.userAgent('192.0.2.1', { credentials: () => ({ user: 'trunk1', password: 'right' }) })
  const invite = us.invite({ ...INVITE, body: text('offer'), headers: [['Supported', '100rel']] })
  await network.clock.turnAsync(20)
  const updated = invite.update(text('another'))
  await network.clock.turnAsync(20)
  const session = await invite.answered
  const told = session.request('INFO')
  await network.clock.turnAsync(200)
  assert.equal((await told).status, 200)
  const after = session.request('INFO')
  await network.clock.turnAsync(200)
  assert.deepEqual([(await updated).status, (await after).status], [200, 200])
  assert.equal(new Set(numbers).size, numbers.length, `CSeqs ${numbers}`)
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  )
})
