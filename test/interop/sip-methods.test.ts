import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DID, World } from '../call/harness.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { must, recv, sdp, send } from '../peer/sipp-scenario.ts'

/** SIPp as a caller that requires reliable ringing, refreshes, holds, retrieves, and hangs up. */
const SCENARIO = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="methods">
${send('INVITE', 1, 'Require: 100rel\nSupported: timer\nSession-Expires: 120;refresher=uac\n', sdp('sendrecv'))}
${recv(100, 'optional="true"')}
${recv(180, 'rrs="true"', must('RSeq:', '[0-9]+', 'rseq') + must('Require:', '100rel', 'unused1'))}
${send('PRACK', 2, 'RAck: [$rseq] 1 INVITE\n', '').replace('[peer_tag_param]', '[peer_tag_param]')}
${recv(200, '', must('CSeq:', '2 PRACK', 'unused2'))}
${recv(200, 'rrs="true"', must('Session-Expires:', '120;refresher=uac', 'unused3'))}
${send('ACK', 1, '', '', false)}
${send('UPDATE', 3, 'Supported: timer\nSession-Expires: 120;refresher=uac\n', '')}
${recv(200, '', must('Session-Expires:', '120', 'unused4'))}
${send('INVITE', 4, '', sdp('sendonly'))}
${recv(100, 'optional="true"')}
${recv(200, '', '<ereg regexp="a=recvonly" search_in="body" check_it="true" assign_to="unused5"/>')}
${send('ACK', 4, '', '', false)}
${send('INVITE', 5, '', sdp('sendrecv'))}
${recv(100, 'optional="true"')}
${recv(200, '', '<ereg regexp="a=sendrecv" search_in="body" check_it="true" assign_to="unused6"/>')}
${send('ACK', 5, '', '', false)}
${send('BYE', 6, '', '')}
${recv(200)}
<Reference variables="unused1,unused2,unused3,unused4,unused5,unused6"/>
</scenario>
`

test('S12 S30 S48 SIPp calls through the switch with PRACK, UPDATE, session timer, hold and retrieve', {
  timeout: 60_000,
}, async () => {
  await using world = await World.open({ voice: true, farEnds: false })
  const callee = await FarEnd.open({ address: `${world.net}.3`, port: 5060, name: 'second', watched: [] })
  world.defer(() => callee.close())
  callee.rules = [{ user: '*', does: 'answer', ringMs: 50 }]
  const directory = mkdtempSync(join(tmpdir(), 'tl-sipp-'))
  world.defer(() => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(join(directory, 'methods.xml'), SCENARIO)
  const here = `${world.net}.2`
  const args = ['-sf', 'methods.xml', '-s', DID, '-i', here, '-mi', here, '-p', '5060', '-m', '5', '-r', '2', '-nostdin']
  const child = spawn(
    'sipp',
    [...args, '-timeout', '30s', '-timeout_error', '-trace_err', '-error_file', 'errors', world.node.address],
    {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk))
  const [status] = (await once(child, 'exit')) as [number | null]
  const errors = join(directory, 'errors')
  assert.equal(status, 0, existsSync(errors) ? readFileSync(errors, 'utf8').slice(0, 2000) : output.slice(-2000))
  await world.quiet()
  const types = (await world.events()).map((event) => event.type)
  assert.equal(types.filter((type) => type === 'leg.held').length, 5)
  assert.equal(types.filter((type) => type === 'leg.retrieved').length, 5)
})
