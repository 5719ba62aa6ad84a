import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { DID, PUBLIC, World } from '../call/harness.ts'
import { Program } from '../call/program.ts'
import { until } from '../peer/clock.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { startSipp } from '../peer/sipp.ts'
import { OK } from '../peer/sipp-scenario.ts'

const CALLS = 3

const answer = (status: string, extra = '') => `<send><![CDATA[
SIP/2.0 ${status}
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:sipp@[local_ip]:[local_port]>
${extra}]]></send>`

const SDP = `Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
`

const request = (method: string, sequence: number, extra = '') => `<send retrans="500"><![CDATA[
${method} [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: [$1];tag=[call_number]
To: [$2]
Call-ID: [call_id]
CSeq: ${sequence} ${method}
Contact: <sip:sipp@[local_ip]:[local_port]>
${extra}Content-Length: 0

]]></send>`

const notified = (sipfrag: string, variable: string) => `<recv request="NOTIFY"><action>
<ereg regexp="SIP/2.0 ${sipfrag}" search_in="body" check_it="true" assign_to="${variable}"/></action></recv>
${OK}`

/** SIPp as the site's PBX: answers, transfers whoever called, hears how that goes, and is let go. */
const REFERRING = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="refer">
<recv request="INVITE" rrs="true"><action>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="1"/>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="2"/></action></recv>
${answer('180 Ringing', 'Content-Length: 0\n\n')}
${answer('200 OK', SDP)}
<recv request="ACK"></recv>
${request('REFER', 1, 'Refer-To: <sip:+32470999999@tieline.test>\n')}
<recv response="202"></recv>
${notified('100', '3')}
${notified('200', '4')}
<recv request="BYE"></recv>
${OK}
<Reference variables="3,4"/>
</scenario>
`

test('S26 S28 SIPp as the PBX of a site transfers its callers by REFER, and is told how it goes', {
  timeout: 60_000,
}, async () => {
  await using world = await World.open({ voice: true, farEnds: false, subscriber: { defaultRoute: { pbx: '101' } } })
  const [caller, carrier] = await Promise.all(
    [3, 2].map((last) => FarEnd.open({ address: `${world.net}.${last}`, port: 5060, name: `far-${last}`, watched: [] })),
  )
  world.defer(() => void Promise.all([caller!.close(), carrier!.close()]))
  carrier!.rules = [{ user: '*', does: 'answer', ringMs: 20 }]
  const here = `${world.net}.74`
  const args = ['-sf', 'refer.xml', '-i', here, '-mi', here, '-p', '5060', '-m', `${CALLS}`]
  await using pbx = await startSipp(args, { 'refer.xml': REFERRING })
  for (let n = 0; n < CALLS; n++) {
    const call = await caller!.place({ to: world.node, from: '+32470123456', number: DID })
    await until('the target', () => carrier!.calls[n]?.phase === 'up', 6000)
    const cleared = async () => (await world.events()).filter(({ type }) => type === 'leg.cleared').length
    await until('the PBX to be let go', async () => (await cleared()) > n * 3, 6000)
    call.hangup()
    await until('its end', () => carrier!.calls[n]!.phase === 'ended', 4000)
  }
  const { status, output } = await pbx.ended
  assert.equal(status, 0, output)
  await world.quiet()
  const transferred = (await world.events()).filter(({ type }) => type === 'leg.transferred')
  assert.equal(transferred.length, CALLS)
})

test('S53 SIPp as a third party (RFC 3725) calls two numbers, the first without an offer, and joins them', {
  timeout: 60_000,
}, async () => {
  await using world = await World.open({ voice: true, farEnds: false })
  using _program = await Program.connect(world, async (call) => {
    const target = call.offered.to.number === PUBLIC ? { pbx: '101' } : { number: '+3225559000', trunk: 'other' }
    await call.do('call.dial', { target })
  })
  const at = (last: number, port: number) => [
    '-i',
    `${world.net}.${last}`,
    '-mi',
    `${world.net}.${last}`,
    '-p',
    `${port}`,
    '-m',
    '1',
  ]
  await using a = await startSipp(['-sn', '3pcc-A', ...at(3, 5060)])
  await using b = await startSipp(['-sn', '3pcc-B', ...at(74, 5060)])
  const twin = `${world.net}.2:${16_000 + randomInt(4000)}`
  const to = `${world.node.address}:5060`
  await using second = await startSipp(['-sn', '3pcc-C-B', '-3pcc', twin, ...at(2, 5062), '-s', PUBLIC, to])
  await using first = await startSipp(['-sn', '3pcc-C-A', '-3pcc', twin, ...at(2, 5060), '-s', DID, to])
  for (const [name, side] of Object.entries({ first, second, a, b })) {
    const { status, output } = await side.ended
    assert.equal(status, 0, `${name}: ${output}`)
  }
  await world.quiet()
  const established = (await world.events()).filter(({ type }) => type === 'leg.established')
  assert.equal(established.length, 4)
})
