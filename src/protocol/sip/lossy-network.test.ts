import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hop, SimulatedNetwork, seededRandom } from './simulated-network.ts'
import type { IncomingInvite, Session } from './types.ts'

const SDP = { type: 'application/sdp', content: 'v=0\r\n' }

interface Trial {
  loss: number
  jitterMs: number
  answerMs: number
  status: number
  cancelMs: number | null
  hangUpMs: [number, number]
  reinviteMs: number | null
}

function plan(random: () => number): Trial {
  const race = random() < 0.5
  const answerMs = Math.floor(random() * 1500)
  return {
    loss: random() < 0.3 ? 0 : random() * 0.5,
    jitterMs: random() * 120,
    answerMs,
    status: random() < 0.8 ? 200 : 486,
    // Half of the CANCELs are thrown at the very moment of the answer.
    cancelMs: random() < 0.5 ? null : race ? answerMs + random() * 60 - 30 : random() * 2500,
    hangUpMs: [1000 + random() * 9000, 1000 + random() * 9000],
    reinviteMs: random() < 0.3 ? 1500 + random() * 3000 : null,
  }
}

/** Both sides do what the plan says over a bad network; gives what is left afterwards. */
async function run(seed: number) {
  const random = seededRandom(seed)
  const trial = plan(random)
  const net = new SimulatedNetwork()
  net.delay = () => 1 + random() * trial.jitterMs
  net.copies = () => (random() < trial.loss ? 0 : random() < 0.05 ? 2 : 1)
  const sessions = { a: [] as Session[], b: [] as Session[] }
  const invites: IncomingInvite[] = []
  const hangUp = (side: Session[], ms: number) => net.clock.after(ms, () => side.forEach((s) => void s.bye()))
  const answer = (session: Session) => {
    session.serve({ onReinvite: (invite) => void invite.accept({ body: SDP }) })
  }
  const b = net.userAgent('10.0.0.2', {
    onInvite(invite) {
      invites.push(invite)
      invite.provisional(180)
      net.clock.after(trial.answerMs, () => {
        if (trial.status !== 200) return invite.refuse(trial.status)
        const session = invite.accept({ body: SDP })
        if (session) answer(session)
        if (session) sessions.b.push(session)
      })
    },
  })
  const a = net.userAgent('10.0.0.1')
  const call = { uri: 'sip:b@10.0.0.2', to: hop('10.0.0.2'), from: '<sip:a@10.0.0.1>', toHeader: '<sip:b@10.0.0.2>', body: SDP }
  const sent = a.invite(call)
  let outcome = 'open'
  sent.answered.then(
    (session) => {
      outcome = 'answered'
      answer(session)
      sessions.a.push(session)
    },
    (failure) => {
      outcome = failure.reason
    },
  )
  if (trial.cancelMs !== null) net.clock.after(Math.max(0, trial.cancelMs), () => sent.cancel())
  if (trial.reinviteMs !== null) {
    net.clock.after(trial.reinviteMs, () => {
      for (const s of [...sessions.a, ...sessions.b]) s.reinvite(SDP).catch(() => {})
    })
  }
  hangUp(sessions.a, trial.hangUpMs[0])
  hangUp(sessions.b, trial.hangUpMs[1])
  await net.clock.turnAsync(12_000, 50)
  await net.clock.turnAsync(60_000, 2000)
  // A side whose network was so bad that it never learnt of the end hangs up by itself, as the product would.
  sent.cancel()
  for (const invite of invites) invite.refuse(480)
  for (const session of [...sessions.a, ...sessions.b]) void session.bye()
  await net.clock.turnAsync(200_000, 20_000)
  return { net, trial, outcome, a: a.counts, b: b.counts, sessions }
}

const NOTHING = { transactions: 0, sessions: 0, subscriptions: 0 }

test('S18 S21 S22 S23 whatever the network loses, no transaction, session or timer is left behind', async () => {
  const outcomes = new Set<string>()
  for (let seed = 1; seed <= 300; seed++) {
    const end = await run(seed)
    outcomes.add(end.outcome)
    const about = `seed ${seed} ${JSON.stringify(end.trial)} ${end.outcome}`
    assert.notEqual(end.outcome, 'open', about)
    assert.deepEqual(end.a, NOTHING, `caller: ${about}`)
    assert.deepEqual(end.b, NOTHING, `callee: ${about}`)
    assert.equal(end.net.clock.pending, 0, about)
    assert.equal(end.net.count(/^SIP\/2.0 \d+ [^\n]*\n(?:[^\n]+\n)*CSeq: \d+ ACK/), 0, `S24 ${about}`)
    // A session that both sides had ends for both, and `ended` says so.
    for (const session of [...end.sessions.a, ...end.sessions.b]) assert.ok((await session.ended).by)
  }
  for (const outcome of ['answered', 'cancelled', 'refused']) assert.ok(outcomes.has(outcome), outcome)
})
