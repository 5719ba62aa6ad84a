import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DID, World } from '../call/harness.ts'
import { startSipp } from '../peer/sipp.ts'
import { must, recv, sdp, send } from '../peer/sipp-scenario.ts'

const CALLS = 3

const scenario = (name: string, steps: string[], variables: string[]) => `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="${name}">
${steps.join('\n')}
<Reference variables="${variables.join(',')}"/>
</scenario>
`

const described = (direction: string, variable: string) =>
  `<ereg regexp="a=${direction}" search_in="body" check_it="true" assign_to="${variable}"/>`

/** Requires reliable ringing, stops the early sound by UPDATE, and begins it again, all before the answer. */
const CALLER = scenario(
  'caller',
  [
    send('INVITE', 1, 'Require: 100rel\n', sdp('sendrecv')),
    recv(100, 'optional="true"'),
    recv(183, 'rrs="true"', must('RSeq:', '[0-9]+', 'rseq') + described('sendrecv', 'x1')),
    send('PRACK', 2, 'RAck: [$rseq] 1 INVITE\n', ''),
    recv(200, '', must('CSeq:', '2 PRACK', 'x2')),
    send('UPDATE', 3, '', sdp('inactive', 2)),
    recv(200, '', must('CSeq:', '3 UPDATE', 'x3') + must('Contact:', 'sip:', 'x4') + described('inactive', 'x5')),
    send('UPDATE', 4, '', sdp('sendrecv', 3)),
    recv(200, '', must('CSeq:', '4 UPDATE', 'x6') + described('sendrecv', 'x7')),
    recv(200, 'rrs="true"', must('CSeq:', '1 INVITE', 'x8')),
    send('ACK', 1, '', '', false),
    '<pause milliseconds="200"/>',
    send('BYE', 5, '', ''),
    recv(200),
  ],
  ['x1', 'x2', 'x3', 'x4', 'x5', 'x6', 'x7', 'x8'],
)

const kept = (header: string, variable: string) =>
  `<ereg regexp=".*" search_in="hdr" header="${header}:" assign_to="${variable}"/>`

const TAG = ';tag=b[call_number]'

function answer(status: string, extra: string, body: string): string {
  return `<send><![CDATA[
SIP/2.0 ${status}
Via:[$via]
From:[$from]
To:[$to]${TAG}
Call-ID: [call_id]
CSeq:[$cseq]
Contact: <sip:sipp@[local_ip]:[local_port]>
Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE
${extra}${body ? 'Content-Type: application/sdp\n' : ''}Content-Length: [len]

${body}
]]></send>`
}

const ok = `<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:sipp@[local_ip]:[local_port]>
Content-Length: 0

]]></send>`

const update = (sequence: number, body: string) => `<send retrans="500"><![CDATA[
UPDATE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From:[$to]${TAG}
To:[$from]
Call-ID: [call_id]
CSeq: ${sequence} UPDATE
Contact: <sip:sipp@[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

${body}
]]></send>`

/** Answers reliably, and before its 200 asks twice for something else. */
const CALLEE = scenario(
  'callee',
  [
    `<recv request="INVITE" rrs="true"><action>${kept('Via', 'via')}${kept('From', 'from')}${kept('To', 'to')}${kept('CSeq', 'cseq')}</action></recv>`,
    answer('183 Session Progress', 'Require: 100rel\nRSeq: 41\n', sdp('sendrecv')),
    '<recv request="PRACK"/>',
    ok,
    update(1, sdp('sendonly', 2)),
    recv(200, '', must('CSeq:', '1 UPDATE', 'x1') + must('Contact:', 'sip:', 'x2') + described('recvonly', 'x3')),
    update(2, sdp('sendrecv', 3)),
    recv(200, '', must('CSeq:', '2 UPDATE', 'x4') + described('sendrecv', 'x5')),
    '<pause milliseconds="2000"/>',
    answer('200 OK', '', ''),
    '<recv request="ACK"/>',
    '<recv request="BYE"/>',
    ok,
  ],
  ['x1', 'x2', 'x3', 'x4', 'x5'],
)

test('RFC 3311 SIPp calls SIPp, and each of them makes other offers by UPDATE before the answer', {
  timeout: 60_000,
}, async () => {
  await using world = await World.open({ voice: true, farEnds: false })
  const [caller, callee] = [`${world.net}.2`, `${world.net}.3`]
  const common = (name: string, at: string) => ['-sf', name, '-i', at, '-mi', at, '-p', '5060', '-m', `${CALLS}`]
  await using uas = await startSipp(common('callee.xml', callee), { 'callee.xml': CALLEE })
  const calls = [...common('caller.xml', caller), '-s', DID, '-r', '2', world.node.address]
  await using uac = await startSipp(calls, { 'caller.xml': CALLER })
  const [called, calling] = [await uas.ended, await uac.ended]
  assert.equal(calling.status, 0, calling.output)
  assert.equal(called.status, 0, called.output)
  await world.quiet()
  const cleared = (await world.events()).filter(({ type }) => type === 'call.cleared')
  assert.deepEqual(
    cleared.map(({ cause }) => cause?.reason),
    Array(CALLS).fill('hangup'),
  )
})
