import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import { CAUSES, causeOfStatus, type Reason } from '#platform/trunk/index.ts'
import { sleep, until } from '../peer/clock.ts'
import type { FarEnd } from '../peer/sip/far-end.ts'
import { headerOf, headersOf } from '../peer/sip/message.ts'
import { RawEnd } from '../peer/sip/raw.ts'
import { register } from '../peer/sip/register.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, World } from './harness.ts'

const PASSWORD = 'circle of life'
const OUTSIDE = '+3225559000'

let world: World
before(async () => {
  world = await World.open({ voice: true, subscriber: { defaultRoute: { number: OUTSIDE } } })
  const telephones = [{ name: '101', password: createSealer(world.sealingKey).seal(PASSWORD) }]
  await world.change({ telephones })
})
after(() => world[Symbol.asyncDispose]())

/** Who asks, from where it is listened to: a gateway of a trunk, and the PBX of a site. */
const SIDES = {
  trunk: () => ({ far: world.carrier, to: world.node, number: DID }),
  site: () => ({ far: world.pbx, to: world.siteSwitch, number: OUTSIDE }),
} as const
type Side = keyof typeof SIDES

const SDP = (address: string, payloads = '0', rtpmap = '') =>
  `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio 30000 RTP/AVP ${payloads}\r\n${rtpmap}`

interface Wrong {
  method?: string
  uri?: string
  version?: string
  headers?: [string, string][]
  body?: string
  maxForwards?: number
  number?: string
  /** Sent twice, by two roads (RFC 3261 §8.2.2.2). */
  twice?: boolean
}

let count = 0

/** A request as the table wants it, from another port of the side's own host. */
async function said(side: Side, wrong: Wrong): Promise<{ status: number | null; answer: string }> {
  const { far, to, number } = SIDES[side]()
  await using raw = await RawEnd.open(far.socket.address)
  const n = ++count
  const { method = 'INVITE', version = 'SIP/2.0', headers = [], maxForwards = 70 } = wrong
  const user = wrong.number ?? number
  const invite = method === 'INVITE'
  const body = wrong.body ?? (invite ? SDP(raw.at.address) : '')
  const typed = headers.some(([name]) => name === 'Content-Type') || body === ''
  const text = (branch: string) =>
    [
      `${method} ${wrong.uri ?? `sip:${user}@${to.address}:${to.port}`} ${version}`,
      `Via: SIP/2.0/UDP ${raw.at.address}:${raw.at.port};branch=z9hG4bK${branch}`,
      `Max-Forwards: ${maxForwards}`,
      `From: <sip:+32470123456@${raw.at.address}>;tag=t${n}`,
      `To: <sip:${user}@${to.address}>`,
      `Call-ID: refusal-${n}-${side}`,
      `CSeq: 1 ${method}`,
      `Contact: <sip:x@${raw.at.address}:${raw.at.port}>`,
      ...(typed ? [] : ['Content-Type: application/sdp']),
      ...headers.map(([name, value]) => `${name}: ${value}`),
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n')
  if (wrong.twice) raw.send(text(`first${n}`), to)
  const status = await raw.ask(text(`b${n}`), to, 3000)
  const answer = raw.heard.find((message) => message.startsWith(`SIP/2.0 ${status}`)) ?? ''
  const instead = (method: string, branch: string) =>
    text(branch)
      .replace(/^INVITE/, method)
      .replace('1 INVITE', `1 ${method}`)
  if (invite) raw.send(instead('ACK', `b${n}`), to)
  if (wrong.twice) {
    raw.send(instead('CANCEL', `first${n}`), to)
    await until('its end', () => raw.heard.some((message) => message.startsWith('SIP/2.0 487')), 3000)
    raw.send(instead('ACK', `first${n}`), to)
  }
  // What was sent has left before its socket is closed.
  await sleep(5)
  return { status, answer }
}

/** What a caller gets for what it does wrong: the status, and what the answer has to tell (RFC 3261 §8.2, §21.4). */
const REFUSALS: readonly [what: string, wrong: Wrong, status: number | Record<Side, number>, tells?: RegExp][] = [
  ['a method that nobody knows', { method: 'FROBNICATE' }, 405, /\r\nAllow: INVITE/],
  ['a method that is not for outside of a dialog', { method: 'MESSAGE' }, 405, /\r\nAllow: /],
  ['an extension that has to be understood', { headers: [['Require', 'gruu']] }, 420, /\r\nUnsupported: gruu/],
  [
    'a body that is no description',
    { headers: [['Content-Type', 'text/plain']], body: 'x' },
    415,
    /\r\nAccept: application\/sdp/,
  ],
  ['a body that is packed', { headers: [['Content-Encoding', 'gzip']] }, 415, /\r\nAccept-Encoding: /],
  ['an answer in a form that there is none in', { headers: [['Accept', 'text/html']] }, 406],
  ['no codec in common', { body: SDP('127.0.0.1', '99', 'a=rtpmap:99 L24/96000\r\n') }, 488],
  ['a scheme that is none of SIP’s', { uri: 'nobodyknows:x' }, 416],
  ['another version of SIP', { version: 'SIP/7.0' }, 505],
  ['the same request by two roads', { twice: true }, 482],
  ['no hop left', { maxForwards: 0 }, 483],
  ['a number that is none', { number: 'nobody' }, { trunk: 404, site: 484 }],
  [
    'a session interval that is too short',
    {
      headers: [
        ['Session-Expires', '10'],
        ['Supported', 'timer'],
      ],
    },
    422,
    /\r\nMin-SE: 90/,
  ],
]

for (const side of ['trunk', 'site'] as const) {
  test(`S58 ${side}: what is asked for in a wrong way is refused by the right status, and makes no call`, async () => {
    world.carrier.rules = [{ user: '*', does: 'ring' }]
    for (const [what, wrong, expected, tells] of REFUSALS) {
      const { status, answer } = await said(side, wrong)
      assert.equal(status, typeof expected === 'number' ? expected : expected[side], what)
      if (tells) assert.match(answer, tells, what)
    }
    await world.quiet()
  })

  test(`S58 ${side}: a strict route (RFC 2543) is followed as it wants: its own URI asked for, the target behind the others`, async () => {
    world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
    world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
    await world.change({ defaultRoute: { trunk: 'other', number: OUTSIDE } })
    const { far, to, number } = SIDES[side]()
    const { onRequest } = far.socket
    const a = ScriptedLeg.await(far)
    const here = `${far.socket.address}:5060`
    const strict = `sip:strict@${here}`
    const routes: [string, string][] = [
      ['Record-Route', `<${strict}>`],
      ['Record-Route', '<sip:next.example;lr>'],
    ]
    const caller = ScriptedLeg.place(far, to, number, { body: a.sdp(), headers: routes })
    caller.ack(await caller.next('200 INVITE'))
    for (const { id } of await world.link.call('call.list', {})) await world.link.call('call.kill', { call: id })
    const bye = await caller.next('BYE')
    assert.equal(bye.uri, strict)
    assert.deepEqual(
      headersOf(bye, 'route').flatMap((route) => route.split(/,\s*/)),
      ['<sip:next.example;lr>', `<sip:x@${here}>`],
    )
    caller.reply(bye, 200)
    far.socket.onRequest = onRequest
    await world.change({ defaultRoute: { number: OUTSIDE } })
    await world.quiet()
  })
}

/** The final answers of the suites that other projects keep, as whoever is called may give them. */
const FINALS = [
  ...[
    300, 301, 302, 305, 380, 400, 402, 405, 406, 407, 413, 414, 415, 416, 420, 421, 423, 481, 482, 483, 484, 485, 487, 488, 489,
  ],
  ...[491, 493, 494, 501, 502, 505, 513, 580, 604, 606],
]

for (const side of ['trunk', 'site'] as const) {
  test(`S58 S46 ${side}: each final answer of whoever is called ends the leg once, acknowledged, by its row of the table, and is asked of nobody else`, async () => {
    const target = side === 'trunk' ? { trunk: 'other', number: OUTSIDE } : { pbx: '101', via: 'channel' as const }
    const pbx = { host: `${world.net}.74`, port: 5060 }
    await world.change({ defaultRoute: target, site: { ...world.snapshot.subscribers[0]!.site, pbx } })
    const callee: FarEnd = side === 'trunk' ? world.second : world.pbx
    const elsewhere = side === 'trunk' ? world.carrier : world.second
    for (const status of FINALS) {
      const headers: [string, string][] = [
        ['Contact', `<sip:+3225558888@${elsewhere.socket.address}>`],
        ['Require', 'gruu'],
        ['Min-Expires', '3600'],
        ['Unsupported', '100rel'],
      ]
      callee.rules = [{ user: '*', does: status, headers }]
      const before = callee.calls.length
      const call = await (side === 'trunk' ? world.carrier : world.second).place({
        to: world.node,
        from: '+32470123456',
        number: DID,
      })
      await until(`the end of ${status}`, () => call.phase === 'ended', 4000)
      const reason = causeOfStatus(status, 'callee').reason as Reason
      assert.equal(call.report().final?.status, CAUSES[reason].sip, `${status} is told as ${reason}`)
      const asked = callee.calls.slice(before)
      assert.equal(asked.length, 1, `${status} is final`)
      const acks = () => asked[0]!.report().timeline.filter(({ what }) => what === '< ACK').length
      await until(`the ACK of ${status}`, () => acks() === 1, 2000)
    }
    await world.quiet()
    const cleared = (await world.events()).filter(({ type }) => type === 'call.cleared').slice(-FINALS.length)
    assert.deepEqual(
      cleared.map(({ cause }) => [cause?.by, cause?.sip]),
      FINALS.map((status) => ['callee', status]),
    )
  })
}

test('S58 a registration that is too short gets 423, and who asks for longer has it; a carrier’s trunk registers nobody', async () => {
  const own = { to: world.siteSwitch, user: '101', password: PASSWORD }
  const short = await register(world.pbx.socket, { ...own, expires: 5 })
  assert.deepEqual([short.status, headerOf(short, 'min-expires')], [423, '30'])
  assert.equal((await register(world.pbx.socket, { ...own, expires: 60 })).status, 200)
  assert.equal((await register(world.pbx.socket, { ...own, expires: 0 })).status, 200)
  const stranger = await register(world.carrier.socket, { ...own, to: world.node, expires: 60 })
  assert.equal(stranger.status, 405)
})
