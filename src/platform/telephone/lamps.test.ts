import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, TurnedClock } from '#lib/index.ts'
import { type IncomingRequest, type IncomingSubscribe, parseMessage, type SipRequest } from '#protocol/sip/index.ts'
import { dialogInfo, type ShownDialog } from './dialog-info.ts'
import { Lamps } from './lamps.ts'

const acme = newId('sub')
const RINGS: ShownDialog = {
  ...{ id: 'leg_1', direction: 'recipient', state: 'early', caller: { number: '+32470123456' } },
  dialog: { callId: 'c1', localTag: 'theirs', remoteTag: 'ours' },
}

function subscribe(user: string, { expires = '60', event = 'dialog' } = {}): SipRequest {
  const lines = [
    `SUBSCRIBE sip:${user}@10.0.0.1 SIP/2.0`,
    ...['Via: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bK1', 'From: <sip:102@10.0.0.1>;tag=a', `To: <sip:${user}@10.0.0.1>`],
    ...['Call-ID: x', 'CSeq: 1 SUBSCRIBE', `Event: ${event}`, `Expires: ${expires}`, 'Content-Length: 0', '', ''],
  ]
  return parseMessage(Buffer.from(lines.join('\r\n'))) as SipRequest
}

/** Lamps of one site whose telephone 102 watches; `sent` are its NOTIFYs, which wait for an answer until they are given one. */
function bench({ dialogs = [] as ShownDialog[] } = {}) {
  const clock = new TurnedClock()
  const site = { there: true, users: ['101', '102'] }
  const lamps = new Lamps({
    clock,
    recognise: () => ({ user: '102' }),
    isThere: () => site.there,
    isUser: (_subscriber, name) => site.users.includes(name),
    dialogs: () => dialogs,
  })
  const sent: { state: string; body: string; answer(status: number | null): Promise<void> }[] = []
  const closed: string[] = []
  const refresh: { run: ((incoming: IncomingRequest) => void) | undefined }[] = []
  const ask = (request: SipRequest) => {
    let answer: [number, string | undefined] = [0, undefined]
    const subscription = {
      set onRefresh(run: ((incoming: IncomingRequest) => void) | undefined) {
        refresh.push({ run })
      },
      notify({ headers = [], body }: { headers?: readonly (readonly [string, string])[]; body?: { content: string } }) {
        const { promise, resolve, reject } = Promise.withResolvers<{ status: number }>()
        const state = headers.find(([name]) => name === 'Subscription-State')?.[1] ?? ''
        const given = async (status: number | null) => {
          if (status === null) reject(new Error('no answer'))
          else resolve({ status })
          await clock.turnAsync(0)
        }
        sent.push({ state, body: body?.content ?? '', answer: given })
        return promise
      },
      close: () => closed.push('closed'),
    }
    const incoming = {
      request,
      source: { transport: 'udp', address: '10.0.0.7', port: 5060 },
      refuse: (status: number) => (answer = [status, undefined]),
      accept(headers: readonly (readonly [string, string])[]) {
        answer = [200, headers.find(([name]) => name === 'Expires')?.[1]]
        return subscription
      },
    }
    lamps.onSubscribe(acme, incoming as unknown as IncomingSubscribe)
    return answer
  }
  return { clock, site, lamps, sent, closed, refresh, ask }
}

const statesOf = (body: string) => [...body.matchAll(/<state>(\w+)</g)].map(([, state]) => state)

test('RFC 4235 §3.10 one NOTIFY at a time and none within a second of the last; the newest state is the one that is told', async () => {
  const { clock, lamps, sent, ask } = bench()
  assert.deepEqual(ask(subscribe('101')), [200, '60'])
  assert.deepEqual([sent.length, sent[0]!.state], [1, 'active;expires=60'])
  lamps.show(acme, '101', 'leg_1', RINGS)
  await clock.turnAsync(5000)
  assert.equal(sent.length, 1, 'the first has no answer yet')
  await sent[0]!.answer(200)
  assert.deepEqual(statesOf(sent[1]!.body), ['early'])
  await sent[1]!.answer(200)
  lamps.show(acme, '101', 'leg_1', { id: 'leg_1', direction: 'recipient', state: 'confirmed' })
  lamps.show(acme, '101', 'leg_2', RINGS)
  lamps.show(acme, '101', 'leg_2', null)
  lamps.show(acme, '101', 'leg_1', null)
  await clock.turnAsync(990)
  assert.equal(sent.length, 2)
  await clock.turnAsync(20)
  assert.deepEqual(statesOf(sent[2]!.body), ['terminated'], 'what was never told of is not told to be over')
  await sent[2]!.answer(200)
  lamps.show(acme, '101', 'leg_1', null)
  lamps.show(acme, '102', 'leg_3', RINGS)
  await clock.turnAsync(3000)
  assert.equal(sent.length, 3)
})

test('RFC 6665 §4.2 a subscription ends with its time, with a NOTIFY that is refused or not answered, and holds nothing then', async () => {
  for (const answer of [481, 500, null]) {
    const { clock, lamps, sent, closed, ask } = bench({ dialogs: [RINGS] })
    ask(subscribe('101'))
    assert.deepEqual(statesOf(sent[0]!.body), ['early'])
    await sent[0]!.answer(answer)
    assert.deepEqual([closed.length, lamps.watched(acme, '101'), clock.pending], [1, false, 0], String(answer))
  }
  const { clock, lamps, sent, closed, ask } = bench()
  ask(subscribe('101'))
  await sent[0]!.answer(200)
  await clock.turnAsync(60_000)
  assert.deepEqual(
    [sent[1]!.state, closed.length, lamps.watched(acme, '101'), clock.pending],
    ['terminated;reason=timeout', 1, false, 0],
  )
  assert.match(sent[1]!.body, /<dialog-info/)
})

test('whoever is not registered any more, and whoever watches a user who is gone, is told nothing of anybody', async () => {
  const { clock, site, lamps, sent, closed, ask } = bench({ dialogs: [RINGS] })
  ask(subscribe('101'))
  await sent[0]!.answer(200)
  site.there = false
  lamps.show(acme, '101', 'leg_1', null)
  await clock.turnAsync(2000)
  assert.deepEqual([sent.length, closed.length], [1, 1])
  assert.deepEqual(ask(subscribe('101')), [403, undefined])
  site.there = true
  ask(subscribe('101'))
  site.users = ['102']
  lamps.check(acme)
  assert.deepEqual([sent.at(-1)!.state, sent.at(-1)!.body], ['terminated;reason=noresource', ''])
  assert.deepEqual(ask(subscribe('101')), [404, undefined])
  assert.deepEqual([lamps.watched(acme, '101'), clock.pending], [false, 0])
})

test('Event keeps its id, other packages get 489, and a short time 423', () => {
  const { ask } = bench()
  assert.equal(ask(subscribe('101', { event: 'dialog;sla;id=7' }))[0], 200)
  for (const event of ['presence', 'dialogue', '', 'dialog.x']) assert.equal(ask(subscribe('101', { event }))[0], 489, event)
  assert.equal(ask(subscribe('101', { expires: '29' }))[0], 423)
  assert.deepEqual(ask(subscribe('101', { expires: '86400' })), [200, '300'])
})

test('F09 no name of a caller breaks out of the document', () => {
  const name = '"><x>&\u0000\u001b\ud800\uffff\''
  const text = dialogInfo({
    entity: { user: '10"1<', host: '10.0.0.1' },
    version: 3,
    dialogs: [{ ...RINGS, caller: { number: '<&>\ud800', name } }],
    over: [{ id: 'leg_0', direction: 'initiator' }],
  })
  assert.equal(text.match(/</g)!.length, text.match(/>/g)!.length)
  assert.doesNotMatch(text, /<x>|\u0000|\u001b|\uffff|'/)
  assert.ok(text.isWellFormed())
  assert.match(text, /version="3" state="full" entity="sip:10%221%3C@10\.0\.0\.1"/)
  assert.match(text, /<identity display="&quot;&gt;&lt;x&gt;&amp; {2}/)
  assert.match(text, /<dialog id="leg_0" direction="initiator"><state>terminated</)
})
