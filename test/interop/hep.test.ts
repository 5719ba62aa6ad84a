import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { DID, World } from '../call/harness.ts'
import { until } from '../peer/clock.ts'

test('O03 sngrep reads the call that we export by HEP3, and tshark what sngrep made of it', async () => {
  await using world = await World.open({ hep: { address: '127.0.0.1', port: 19_060, captureId: 77 } })
  const pcap = join(world.directory, 'hep.pcap')
  const sngrep = spawn('sngrep', ['-N', '-F', '-L', 'udp:127.0.0.1:19060', '-O', pcap], { stdio: ['ignore', 'pipe', 'ignore'] })
  world.defer(() => void sngrep.kill('SIGKILL'))
  let said = ''
  sngrep.stdout.on('data', (bytes) => {
    said += bytes
  })
  await until('sngrep', () => said.includes('Dialog count: 0'), 5000)
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 20 }]
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('an answer', () => call.phase === 'up', 2000)
  call.hangup()
  await world.quiet()
  await until('both dialogs', () => said.includes('Dialog count: 2'), 5000)
  // The answer to the last BYE belongs to a dialog that is known already.
  await until('all messages', () => messages(pcap).length >= 14, 5000)
  sngrep.kill('SIGINT')
  await once(sngrep, 'exit')
  const carrier = `${world.net}.2`
  const other = `${world.net}.3`
  const { address: us } = world.node
  assert.deepEqual(
    messages(pcap).toSorted(),
    [
      ...[
        `${carrier} ${us} INVITE`,
        `${us} ${carrier} 100`,
        `${us} ${carrier} 180`,
        `${us} ${carrier} 200`,
        `${carrier} ${us} ACK`,
      ],
      ...[`${us} ${other} INVITE`, `${other} ${us} 100`, `${other} ${us} 180`, `${other} ${us} 200`, `${us} ${other} ACK`],
      ...[`${carrier} ${us} BYE`, `${us} ${carrier} 200`, `${us} ${other} BYE`, `${other} ${us} 200`],
    ].toSorted(),
  )
})

/** Source, destination, and method or status of each SIP message in a file, as tshark tells them. */
function messages(file: string): string[] {
  const fields = ['ip.src', 'ip.dst', 'sip.Method', 'sip.Status-Code'].flatMap((field) => ['-e', field])
  const args = ['-r', file, '-Y', 'sip', '-T', 'fields', '-E', 'separator=/s', ...fields]
  // It says so when the file's last packet is still being written, and tells the others.
  const { stdout } = spawnSync('tshark', args, { encoding: 'utf8' })
  return stdout.split('\n').flatMap((line) => (line ? [line.trim().split(/\s+/).join(' ')] : []))
}
