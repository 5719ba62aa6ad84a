import assert from 'node:assert/strict'
import { now } from '../../test/peer/index.ts'
import { type End, eventually, hears, listen, newest, quiet, reportOf } from '../ask.ts'
import { NUMBERS, type Stage, TONES } from '../stage.ts'

const OFFICES = [
  { name: 'acme', number: NUMBERS.acme, caller: TONES.callerA, telephone: TONES.acmePbx },
  { name: 'globex', number: NUMBERS.globex, caller: TONES.callerB, telephone: TONES.globexPbx },
]

/** A known caller calls both offices at once: each agent finds the caller in its own CRM and redirects to its own 101. */
export async function knownCaller(stage: Stage): Promise<void> {
  const { carrier } = stage
  const begun = now()
  const before = await Promise.all(OFFICES.map(({ name }) => newest(stage, name)))
  const calls = await Promise.all(OFFICES.map(({ number, caller }) => stage.call(NUMBERS.ann, number, caller)))
  stage.tell('carrier', `${NUMBERS.ann} calls ${NUMBERS.acme} and ${NUMBERS.globex} at the same moment`)
  const pairs = await Promise.all(
    OFFICES.map(async (office, i) => {
      const report = await carrier.wait(calls[i]!, 'up')
      assert.equal(report.final?.status, 200, `${office.name} answers: ${JSON.stringify(report.final)}`)
      await decidedByAgent(stage, office.name, before[i]!)
      stage.tell(
        'agent',
        `${office.name}: found Ann in its own CRM through its tunnel; redirected to 101 at 192.168.1.10 over the channel`,
        `answered ${Math.round(report.answeredAt! - report.invitedAt)} ms after the INVITE`,
      )
      const { pbx } = stage.office(office.name)
      const leg = await pbx.find('the leg', begun, (r) => r.direction === 'in' && r.phase === 'up')
      return { caller: { peer: carrier, call: calls[i]! }, telephone: { peer: pbx, call: leg.call } }
    }),
  )
  await Promise.all(pairs.map((pair, i) => eachHearsItsOwn(stage, OFFICES[i]!, pair)))
  await carrier.hangup(calls[0]!)
  await pairs[1]!.telephone.peer.hangup(pairs[1]!.telephone.call)
  const ends = await Promise.all([carrier.wait(calls[1]!, 'ended', 5000), waitEnd(pairs[0]!.telephone)])
  assert.deepEqual(
    ends.map((report) => report.ending?.by),
    ['remote', 'remote'],
  )
  await quiet(stage)
  stage.tell('switch', "both calls are over: acme's ended by the caller, globex's by the telephone")
}

async function decidedByAgent(stage: Stage, name: string, after: number): Promise<void> {
  const leg = await eventually(stage, name, after, 'leg.originated', (event) => event.type === 'leg.originated')
  assert.equal(leg.data.via, 'channel')
  const events = await stage.platform.events(name, after)
  assert.equal(
    events.find((event) => event.type === 'call.routed' && event.data.by === 'default'),
    undefined,
  )
  assert.ok(events.some((event) => event.type === 'verb.started' && event.data.verb === 'call.dial'))
  const questions = await stage.office(name).dns.ask<{ name: string }[]>('questions')
  assert.ok(
    questions.some((question) => question.name === 'crm.office.lan'),
    `${name}'s own DNS server was asked for its CRM`,
  )
}

async function eachHearsItsOwn(
  stage: Stage,
  office: (typeof OFFICES)[number],
  { caller, telephone }: { caller: End; telephone: End },
): Promise<void> {
  await Promise.all([hears(caller, office.telephone), hears(telephone, office.caller)])
  const [callerHears, telephoneHears] = await listen(caller, telephone)
  assert.deepEqual(callerHears, [office.telephone], `the caller hears ${office.name}'s telephone and nothing else`)
  assert.deepEqual(telephoneHears, [office.caller], `${office.name}'s telephone hears its caller and nothing else`)
  assert.equal((await reportOf(caller)).media?.strangers, 0)
  stage.story.proof(
    `${office.name}: the caller hears ${office.telephone} Hz, telephone 101 hears ${office.caller} Hz, and neither anything else`,
  )
}

function waitEnd({ peer, call }: End) {
  return peer.wait(call, 'ended', 5000)
}
