import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DID, World } from '../call/harness.ts'
import { CONTROLS, NAMES, nastyInvite, USERS } from '../call/nasty-names.ts'
import { Program } from '../call/program.ts'
import { until } from '../peer/clock.ts'
import { type Reader, type Reading, readers } from '../peer/readers/index.ts'
import { RawEnd } from '../peer/sip/raw.ts'
import { startSipp } from '../peer/sipp.ts'
import { type Sent, Wire } from './wire.ts'

const READERS = readers()

/** Takes every call, says that it is busy, and has its ACK. */
const BUSY = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="busy">
<recv request="INVITE"></recv>
<send><![CDATA[
SIP/2.0 486 Busy Here
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<recv request="ACK"></recv>
</scenario>
`

/** Callers beside those that only have a user. */
const ADDRESSES: [wire: string, means: string][] = [
  ...USERS.map(([wire, means]): [string, string] => [`<sip:${wire}@carrier.example>`, means]),
  ['<tel:+32470123456>', '+32470123456'],
  ['<tel:+32-470-12.34.56>', '+32470123456'],
  ['<tel:7042;phone-context=carrier.example>', '7042'],
  ['<sip:+32470123456;phone-context=x@carrier.example;user=phone>', '+32470123456'],
  ['<sip:j%C3%BCrg%20m@carrier.example>', 'jürg m'],
  ['<sip:100%25&=$,;?/~!*()@carrier.example>', '100%&=$,;?/~!*()'],
]

/** What a name of a caller becomes: no control characters, no longer than a name (a half of a pair is none). */
const plain = (name: string) =>
  name
    .replace(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, 128)

const told = (octets: Uint8Array) => String(octets).split('\r\n\r\n')[0]

function reading(reader: Reader, octets: Uint8Array): Reading {
  try {
    return reader.read(octets)
  } catch (error) {
    throw new Error(`${reader.name} does not read this: ${error}\n${told(octets)}`)
  }
}

test('oSIP, Sofia-SIP and belle-sip read what is well-formed, and refuse what is not', () => {
  const place = { address: '127.0.0.1', port: 5060 }
  const octets = (from: string) => Buffer.from(nastyInvite(from, DID, { to: place, at: place }, 1))
  for (const reader of READERS) {
    const { start, target, from, to, contact } = reader.read(octets('"a \\"b\\\\" <sip:%23a@carrier.example>'))
    assert.deepEqual(
      { start, target, from, to, contact },
      {
        ...{ start: 'INVITE', target: DID, from: { name: 'a "b\\', user: '#a' } },
        ...{ to: { name: '', user: DID }, contact: { name: '', user: 'x' } },
      },
    )
    for (const broken of ['"a\\" <sip:a@carrier.example>', '<sip:a@>', '"a'])
      assert.throws(
        () => reader.read(octets(broken)),
        (error: Error) => error.message.length > 0,
        broken,
      )
    assert.throws(() => reader.read(Buffer.from('SIP/2.0 OK\r\n\r\n')))
    const sdp = String(octets('')).split('\r\n\r\n')[1]!
    reader.readSdp(sdp)
    assert.throws(() => reader.readSdp(sdp.replace('t=0 0\r\n', '')))
  }
})

test('S56 names and users of every kind: SIPp takes each INVITE that goes on, three foreign parsers read it, and have the same caller', async () => {
  await using world = await World.open()
  const at = `${world.net}.13`
  const trunks = world.snapshot.trunks.map((trunk) =>
    trunk.name === 'other' ? { ...trunk, gateways: [{ address: at, port: 5060 }] } : trunk,
  )
  await world.publish({ ...world.snapshot, number: 2, trunks })
  const callers = NAMES.filter((name) => !CONTROLS.test(name)).flatMap((name) =>
    ADDRESSES.map(([address, means]) => ({ from: `${name} ${address}`, means })),
  )
  assert.ok(callers.length >= 200)
  await using sipp = await startSipp(['-sf', 'busy.xml', '-i', at, '-p', '5060', '-m', String(callers.length)], {
    'busy.xml': BUSY,
  })
  await using wire = await Wire.open(world)
  await using raw = await RawEnd.open(`${world.net}.2`)
  const sent = callers.map(({ from }, n) => Buffer.from(nastyInvite(from, DID, { to: world.node, at: raw.at }, n)))
  for (const [n, { from }] of callers.entries()) {
    raw.send(sent[n]!, world.node)
    const busy = () => raw.heard.some((answer) => answer.startsWith('SIP/2.0 486') && answer.includes(`nasty-${n}@`))
    await until(`the answer to ${from}`, busy, 5000, 1)
  }
  const { status, output } = await sipp.ended
  assert.equal(status, 0, output)
  const went = invitesOf(await wire.messages(), at)
  assert.equal(went.length, callers.length)
  for (const reader of READERS) {
    for (const [n, octets] of went.entries()) {
      const out = reading(reader, octets)
      const { from: caller } = reading(reader, sent[n]!)
      assert.equal(out.from.user, callers[n]!.means, `${reader.name}\n${told(octets)}`)
      assert.equal(out.from.name, plain(caller.name), `${reader.name}\n${told(octets)}`)
      assert.deepEqual([out.start, out.target, out.to.user], ['INVITE', '+3225559000', '+3225559000'])
    }
  }
  await world.quiet()
})

/** Those that went there, without what was sent again. */
function invitesOf(messages: readonly Sent[], to: string): Uint8Array[] {
  const invites = messages.filter((message) => message.to === to && /^INVITE /.test(String(message.octets)))
  return [...new Map(invites.map(({ octets }) => [String(octets), octets])).values()]
}

test('S56 whatever a program calls: three foreign parsers have the same user in the Request-URI and in To', async () => {
  await using world = await World.open({ voice: true })
  const users = [...USERS.map(([, means]) => means), '100#', '*21*101#', 'a+b', '~', '.', "o'neil"]
  world.pbx.rules = [{ user: '*', does: 486 }]
  await using wire = await Wire.open(world)
  const ends: string[] = []
  using _program = await Program.connect(world, async (call) => {
    for (const user of users) {
      const end = await call
        .do('call.dial', { target: { pbx: user }, timeoutSeconds: 5 })
        .catch((error: unknown) => String(error))
      ends.push(typeof end === 'string' ? end : (end as { status: string }).status)
    }
    await call.do('call.reject', { status: 480 })
  })
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('the end', () => call.phase === 'ended', 20_000)
  const went = invitesOf(await wire.messages(), `${world.net}.74`)
  const called = users.filter((_, n) => ends[n] === 'busy')
  assert.equal(went.length, called.length, ends.join(' '))
  assert.ok(called.length >= USERS.length + 2, ends.join(' '))
  for (const reader of READERS)
    for (const [n, octets] of went.entries()) {
      const { target, to } = reading(reader, octets)
      assert.deepEqual([target, to.user], [called[n], called[n]], `${reader.name}\n${told(octets)}`)
    }
  await world.quiet()
})
