import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { headerOf, type Message, userOf } from '../peer/sip/message.ts'
import { RawEnd } from '../peer/sip/raw.ts'
import { DID, World } from './harness.ts'
import { CONTROLS, NAMES, nastyInvite, SMUGGLED, USERS } from './nasty-names.ts'
import { Program } from './program.ts'

/** All that may stand in an INVITE of ours to a carrier. */
const ALLOWED = new Set([
  ...['via', 'max-forwards', 'from', 'to', 'call-id', 'cseq', 'contact', 'allow', 'supported', 'session-expires', 'min-se'],
  ...['p-asserted-identity', 'privacy', 'diversion', 'content-type', 'content-length'],
])

/** The final answer to the INVITE of this number, which is not acknowledged: others' answers are repeated in between. */
async function answerTo(
  raw: RawEnd,
  name: string,
  text: string,
  to: { address: string; port: number },
  n: number,
): Promise<number | null> {
  raw.heard.length = 0
  raw.send(text, to)
  const mine = () => raw.heard.find((m) => m.includes(`nasty-${n}@`) && !/^SIP\/2\.0 1/.test(m))
  await until('an answer', mine, CONTROLS.test(name) ? 1500 : 5000).catch(() => null)
  const status = /^SIP\/2\.0 (\d{3})/.exec(mine() ?? '')?.[1]
  return status === undefined ? null : Number(status)
}

test('S56 F08 F09 names and users of every kind: the INVITE that goes on can be read, its user is the same, no line is new', async () => {
  await using world = await World.open({ subscriber: { defaultRoute: { trunk: 'other', number: '+3225559000' } } })
  world.second.rules = [{ user: '*', does: 486 }]
  const seen = world.second.requests('INVITE')
  await using raw = await RawEnd.open(`${world.net}.2`)
  let n = 0
  let passed = 0
  for (const name of NAMES) {
    for (const [wire, means] of CONTROLS.test(name) ? USERS.slice(0, 1) : USERS) {
      n += 1
      const before = seen.length
      const status = await answerTo(
        raw,
        name,
        nastyInvite(`${name} <sip:${wire}@carrier.example>`, DID, { to: world.node, at: raw.at, headers: SMUGGLED }, n),
        world.node,
        n,
      )
      const where = JSON.stringify([name, wire])
      // What breaks the grammar may be refused, or dropped; nothing else may be.
      if (status !== 486) {
        assert.match(name, CONTROLS, `${where} was answered ${status}`)
        assert.equal(seen.length, before, where)
        continue
      }
      passed += 1
      const invite = seen[before]
      assert.ok(invite, where)
      const names = invite.headers.map(([header]) => header.toLowerCase())
      assert.deepEqual(
        names.filter((header) => !ALLOWED.has(header)),
        [],
        where,
      )
      assert.equal(names.filter((header) => header === 'from').length, 1, where)
      const from = headerOf(invite, 'from')
      assert.match(from, /^(?:"(?:[^"\\]|\\.)*"|[\w.!%*+`'~-]+(?: [\w.!%*+`'~-]+)*)? ?<sip:[^<>\s]+>;tag=[\w.-]+$/u, where)
      assert.doesNotMatch(from, /\p{Cc}/u, where)
      assert.equal(decodeURIComponent(userOf(from.slice(from.lastIndexOf('<') + 1))), means, where)
    }
  }
  assert.ok(n >= 190 && passed >= 150, `${passed} of ${n} went on`)
  await until('all to be over', async () => (await world.link.call('status', {})).calls === 0, 5000)
  await world.quiet()
})

test('F09 whatever a program says with CR, LF or NUL in it is refused, or is no line of a message', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '*', does: 486 }]
  world.carrier.rules = [{ user: '*', does: 486 }]
  const evil = [
    '1\r\nX-Evil: 1',
    '1\nX-Evil: 1',
    '1\rX-Evil: 1',
    '1\0',
    '1%0d%0aX-Evil:1',
    '1>\r\nX-Evil: 1',
    '1\u2028X-Evil: 1',
    '1\u0085X: 1',
  ]
  const codes: string[] = []
  const seen: Message[] = []
  for (const end of [world.pbx, world.carrier]) {
    const receive = end.socket.onRequest
    end.socket.onRequest = (message, from) => {
      seen.push(message)
      receive(message, from)
    }
  }
  using _program = await Program.connect(world, async (call) => {
    for (const text of evil) {
      const targets = [
        { pbx: text },
        { number: text },
        { user: text },
        { sip: `sip:${text}@pbx` },
        { trunk: text, number: '+3225559000' },
      ]
      for (const target of targets) {
        const result = await call.do('call.dial', { target, timeoutSeconds: 1 }).catch((error: unknown) => error)
        codes.push(result instanceof Error ? 'refused' : (result as { status: string }).status)
      }
      const id = await call.do('call.dial', { target: { pbx: '1' }, callerId: text }).catch((error: unknown) => error)
      codes.push(id instanceof Error ? 'refused' : (id as { status: string }).status)
    }
    await call.do('call.reject', { status: 480, reason: 'late\r\nX-Evil: 1' })
  })
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('the end', () => call.phase === 'ended', 10_000)
  assert.equal(codes.length, evil.length * 6)
  // A telephone that nobody knows is said not to answer.
  assert.ok(
    codes.every((code) => code === 'refused' || code === 'failed' || code === 'no-answer'),
    codes.join(' '),
  )
  const heard = [...seen.flatMap((message) => message.headers), ...Object.entries(call.report().final?.headers ?? {})]
  assert.deepEqual(
    heard.filter(([name, value]) => /evil/i.test(name) || /[\r\n\0]/.test(value)),
    [],
  )
  assert.ok(seen.every(({ method }) => method !== 'INVITE'))
  await world.quiet()
})
