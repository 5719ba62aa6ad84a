import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { headerOf, type Message } from '../peer/sip/message.ts'
import { DID, World } from './harness.ts'

const CALLER = '+32470123456'
const ELSEWHERE = '+3225559000'

/** A token as STIR makes it, as long as those of carriers get. */
const SIGNED = `${'eyJhbGciOiJFUzI1NiJ9.'.padEnd(2900, 'aZ09-_')}.sig;info=<https://cert.example/c.pem>;alg=ES256;ppt=shaken`

/** All that may stand in an INVITE of ours. */
const ALLOWED = [
  ...['via', 'max-forwards', 'from', 'to', 'call-id', 'cseq', 'contact', 'allow', 'supported', 'session-expires', 'min-se'],
  ...['p-asserted-identity', 'privacy', 'diversion', 'content-type', 'content-length'],
]

/** The next INVITE that a far end gets while `place` is called. */
async function inviteTo(end: World['second'], place: () => Promise<unknown>): Promise<Message> {
  const seen: Message[] = []
  const receive = end.socket.onRequest
  end.socket.onRequest = (message, from) => {
    if (message.method === 'INVITE') seen.push(message)
    receive(message, from)
  }
  await place()
  await until('an INVITE', () => seen.length > 0, 3000)
  end.socket.onRequest = receive
  return seen[0]!
}

const all = (message: Message, name: string) =>
  message.headers.filter(([header]) => header.toLowerCase() === name).map(([, value]) => value)

test('F11 a signature goes on byte for byte to an unchanged callee, and nowhere else; 3 kB of it over UDP', async () => {
  await using world = await World.open({ subscriber: { defaultRoute: { trunk: 'other', number: DID } } })
  world.second.rules = [{ user: '*', does: 486 }]
  const place =
    (headers: [string, string][] = []) =>
    async () => {
      const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, headers })
      await until('its end', () => call.phase === 'ended', 3000)
    }
  const signed = await inviteTo(world.second, place([['Identity', SIGNED]]))
  assert.deepEqual(all(signed, 'identity'), [SIGNED])
  assert.deepEqual(all(signed, 'diversion'), [], 'nobody has sent it on')
  const stale = `x.${Buffer.from(JSON.stringify({ iat: Math.floor(Date.now() / 1000) - 600 })).toString('base64url')}.sig`
  const date = new Date().toUTCString()
  const both = await inviteTo(
    world.second,
    place([
      ['Identity', stale],
      ['Identity', SIGNED],
      ['Date', date],
    ]),
  )
  assert.deepEqual([all(both, 'identity'), all(both, 'date')], [[SIGNED], [date]], 'one of ten minutes ago stays behind')
  await world.changeTrunk('other', { identity: 'drop' })
  assert.deepEqual(all(await inviteTo(world.second, place([['y', SIGNED]])), 'identity'), [])
  await world.changeTrunk('other', { identity: 'pass' })
  const withheld = await inviteTo(
    world.second,
    place([
      ['Identity', SIGNED],
      ['Privacy', 'id'],
    ]),
  )
  assert.deepEqual([all(withheld, 'identity'), headerOf(withheld, 'privacy')], [[], 'id'])
  await world.quiet()
})

test('F11 a call that is sent on says so as the trunk wants it, and has no signature any more', async () => {
  await using world = await World.open({ subscriber: { defaultRoute: { trunk: 'other', number: ELSEWHERE } } })
  world.second.rules = [{ user: '*', does: 486 }]
  const place = (headers: [string, string][]) => async () => {
    const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, headers })
    await until('its end', () => call.phase === 'ended', 3000)
  }
  const before: [string, string] = ['Diversion', '"Desk" <sip:+3225550777@carrier.example>;reason=user-busy;counter=1']
  const host = world.node.address
  const byDiversion = await inviteTo(world.second, place([['Identity', SIGNED], before]))
  assert.deepEqual(all(byDiversion, 'identity'), [])
  assert.deepEqual(all(byDiversion, 'diversion'), [
    `<sip:${DID}@${host}>;reason=unconditional;counter=1`,
    `<sip:+3225550777@${host}>;reason=user-busy;counter=1`,
  ])
  await world.changeTrunk('other', { diversion: 'history-info' })
  const history = await inviteTo(world.second, place([before]))
  assert.deepEqual(all(history, 'diversion'), [])
  assert.equal(
    headerOf(history, 'history-info'),
    `<sip:+3225550777@${host}>;index=1, <sip:${DID}@${host};cause=486>;index=1.1;mp=1, <${history.uri};cause=302>;index=1.1.1;mp=1`,
  )
  await world.changeTrunk('other', { diversion: 'none' })
  const silent = await inviteTo(world.second, place([before]))
  assert.deepEqual([all(silent, 'diversion'), all(silent, 'history-info')], [[], []])
  await world.quiet()
})

test('F08 F10 headers cross by allow-list only, in whatever spelling, and a site’s word is not believed', async () => {
  await using world = await World.open({
    voice: true,
    media: 'direct',
    subscriber: { defaultRoute: { trunk: 'other', number: ELSEWHERE } },
  })
  world.second.rules = [{ user: '*', does: 486 }]
  const nasty: [string, string][] = [
    ['X-Internal', '1'],
    ['X-Tieline-Subscriber ', 'sub_other'],
    ['p-ASSERTED-identity', '<sip:+3225550000@x>\r\n ;verstat=TN-Validation-Passed'],
    ['P-Asserted-Identity', '<sip:+19005550000@x>'],
    ['Remote-Party-ID', '<sip:+19005550000@x>;screen=yes'],
    ['DIVERSION ', '<sip:+19005550000@x>;reason=unconditional'],
    ['History-Info', '<sip:+19005550000@x>;index=1, <sip:+1@x>;index=1.1'],
    ['Identity', SIGNED],
    ['Route', '<sip:10.0.0.1;lr>'],
    ['P-Charging-Vector', 'icid-value=1'],
    ['Reason', 'SIP;cause=200'],
    ['User-Agent', 'x'],
    ['Authorization', 'Digest username="x"'],
  ]
  const fromSite = await inviteTo(world.carrier, () =>
    world.pbx.place({ to: world.siteSwitch, from: DID, number: '+3226660000', headers: nasty }),
  )
  assert.deepEqual(
    new Set(fromSite.headers.map(([name]) => name.toLowerCase()).filter((name) => !ALLOWED.includes(name))),
    new Set(),
  )
  assert.deepEqual(all(fromSite, 'diversion'), [])
  assert.deepEqual(all(fromSite, 'p-asserted-identity'), [`<sip:${DID}@${world.node.address}>`])
  assert.doesNotMatch(JSON.stringify(fromSite.headers), /1900555|verstat/)
  const fromTrunk = await inviteTo(world.second, () =>
    world.carrier.place({
      ...{ to: world.node, from: CALLER, number: DID },
      headers: [['P-Asserted-Identity', `<sip:${CALLER};verstat=TN-Validation-Passed@x;user=phone>`], ...nasty.slice(4)],
    }),
  )
  assert.deepEqual(
    new Set(fromTrunk.headers.map(([name]) => name.toLowerCase()).filter((name) => !ALLOWED.includes(name))),
    new Set(),
  )
  assert.deepEqual(all(fromTrunk, 'p-asserted-identity'), [`<sip:${CALLER}@${world.node.address}>`])
  const events = (await world.events()).filter((event) => event.type === 'call.offered')
  const verstat = events.map(({ data }) => (data.from as { verstat?: string }).verstat)
  assert.deepEqual(verstat, [undefined, 'TN-Validation-Passed'])
  await world.quiet()
})

test('RFC 3323 RFC 3325 who withholds its number: the carrier is told of it beside a wish for privacy and From names nobody, a site is not told at all', async () => {
  await using world = await World.open({ voice: true })
  for (const far of [world.carrier, world.pbx]) far.rules = [{ user: '*', does: 486 }]
  const ended = async (end: World['carrier'], options: Parameters<World['carrier']['place']>[0]) => {
    const call = await end.place(options)
    await until('its end', () => call.phase === 'ended', 4000)
  }
  const privacy: [string, string] = ['Privacy', 'id']
  const out = await inviteTo(world.carrier, () =>
    ended(world.pbx, { to: world.siteSwitch, from: 'anonymous', number: '+3226660000', headers: [privacy] }),
  )
  assert.match(headerOf(out, 'from'), /^"Anonymous" <sip:anonymous@anonymous\.invalid>;tag=/i)
  assert.deepEqual(all(out, 'privacy'), ['id'])
  assert.deepEqual(all(out, 'p-asserted-identity'), [`<sip:${DID}@${world.node.address}>`])
  await world.change({ defaultRoute: { pbx: '101', via: 'channel' } })
  for (const headers of [[privacy, ['P-Asserted-Identity', `<sip:${CALLER}@carrier>`]], [['Privacy', 'user;critical']]] as [
    string,
    string,
  ][][]) {
    const rung = await inviteTo(world.pbx, () => ended(world.second, { to: world.node, from: CALLER, number: DID, headers }))
    assert.match(headerOf(rung, 'from'), /anonymous@anonymous\.invalid/i)
    assert.doesNotMatch(JSON.stringify([rung.headers, rung.body]), new RegExp(CALLER.slice(1)))
    await world.quiet()
  }
  const offered = (await world.events()).filter(({ type }) => type === 'call.offered').slice(1)
  assert.doesNotMatch(JSON.stringify(offered), new RegExp(CALLER.slice(1)), 'nor is its agent, nor the record')
})
