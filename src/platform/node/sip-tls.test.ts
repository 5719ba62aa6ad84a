import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLog, TurnedClock } from '#lib/index.ts'
import { SipCertificate } from './sip-tls.ts'

/** A certificate with its key, in files that are there as long as the test. */
function files(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'tieline-tls-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const at = { certificate: join(directory, 'sip.pem'), key: join(directory, 'sip.key') }
  const renew = () => {
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=x']
    execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', at.key, '-out', at.certificate], { stdio: 'ignore' })
  }
  renew()
  return { at, renew }
}

test('O06 the certificate of SIP over TLS is kept at what its files say; while they are no good the one before is in use', (t) => {
  const { at, renew } = files(t)
  const clock = new TurnedClock()
  const told: string[] = []
  const watched = new SipCertificate(at, { clock, log: silentLog, onRenewed: ({ certificate }) => void told.push(certificate) })
  const first = watched.used.certificate
  clock.turn(20_000)
  assert.deepEqual(told, [])
  renew()
  clock.turn(5000)
  assert.equal(told.length, 1)
  assert.notEqual(told[0], first)
  const fault = () => watched.status.fault
  assert.equal(watched.status.certificate, told[0])
  const { key } = watched.used
  writeFileSync(at.key, 'nothing')
  clock.turn(5000)
  assert.equal(fault(), null, 'it may be just being written')
  clock.turn(5000)
  assert.ok(fault())
  assert.equal(watched.used.key, key)
  renew()
  clock.turn(5000)
  assert.deepEqual([told.length, fault()], [2, null])
  watched.close()
  assert.equal(clock.pending, 0)
})

test('a key of another certificate is refused at the start', (t) => {
  const [one, other] = [files(t), files(t)]
  const mixed = { certificate: one.at.certificate, key: other.at.key }
  const open = () => new SipCertificate(mixed, { clock: new TurnedClock(), log: silentLog, onRenewed() {} })
  assert.throws(open, /sip\.tls: the key is of another certificate/)
})
