import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, it } from 'node:test'
import { TurnedClock } from '#lib/index.ts'
import { createAuthority, issueCertificate } from './authority.ts'
import { createSealer } from './sealing.ts'
import { hashApiKey, newApiKey, newPassword } from './secret.ts'

const KEY = Buffer.alloc(32, 7).toString('base64')

describe('sealing', () => {
  it('gives back what was sealed, in the form of the snapshot, never twice the same', () => {
    const sealer = createSealer(KEY)
    const sealed = sealer.seal('secret')
    assert.match(sealed, /^v1\.[\w-]{8}\.[\w-]{16}\.[\w-]+$/)
    assert.equal(sealer.openText(sealed), 'secret')
    assert.notEqual(sealer.seal('secret'), sealed)
  })

  it('opens nothing that was changed, nor what another key sealed', () => {
    const sealer = createSealer(KEY)
    const sealed = sealer.seal('secret')
    const last = sealed.at(-2) === 'A' ? 'B' : 'A'
    assert.throws(() => sealer.open(`${sealed.slice(0, -2)}${last}${sealed.slice(-1)}` as `v1.${string}`), {
      verdict: { code: 'sealing-key', fault: 'system', retry: false, http: 500 },
    })
    assert.throws(() => createSealer(Buffer.alloc(32, 8).toString('base64')).open(sealed), /another key/)
    assert.throws(() => createSealer('short'), /32 bytes/)
  })
})

describe('certificates', () => {
  it('are of the platform’s CA, for one purpose, and end', async () => {
    const clock = new TurnedClock()
    const ca = await createAuthority(clock)
    const agent = await issueCertificate(clock, ca, { agentOf: 'sub_1' }, 10)
    const certificate = new X509Certificate(agent.certificate)
    assert.equal(certificate.subject, 'CN=sub_1')
    assert.ok(certificate.verify(new X509Certificate(ca.certificate).publicKey))
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']) // clientAuth
    assert.equal(certificate.ca, false)
    assert.equal(certificate.serialNumber.toLowerCase(), agent.serial)
    assert.equal(certificate.validToDate.getTime(), clock.wall() + 10 * 86_400_000)
    const server = new X509Certificate((await issueCertificate(clock, ca, { server: 'switch.tieline' })).certificate)
    assert.deepEqual(server.keyUsage, ['1.3.6.1.5.5.7.3.1']) // serverAuth
    assert.equal(server.checkHost('switch.tieline'), 'switch.tieline')
  })

  it('hold an address as one, and as a name for telephones that look for nothing else', async () => {
    const clock = new TurnedClock()
    const ca = await createAuthority(clock)
    const shown = await issueCertificate(clock, ca, { server: 'switch.tieline', addresses: ['10.99.0.1'] })
    const certificate = new X509Certificate(shown.certificate)
    assert.equal(certificate.checkIP('10.99.0.1'), '10.99.0.1')
    assert.equal(certificate.checkIP('10.99.0.2'), undefined)
    assert.deepEqual(certificate.subjectAltName?.split(', ').sort(), [
      'DNS:10.99.0.1',
      'DNS:switch.tieline',
      'IP Address:10.99.0.1',
    ])
  })
})

describe('keys and passwords', () => {
  it('are known to the database as a hash, and say whose they are', () => {
    const { key, hash } = newApiKey('operator')
    assert.match(key, /^tl_op_[\w-]{43}$/)
    assert.equal(hash, hashApiKey(key))
    assert.match(hash, /^[0-9a-f]{64}$/)
  })

  it('can be typed into a telephone', () => {
    for (let i = 0; i < 100; i++) assert.match(newPassword(), /^[a-hjkmnp-z2-9]{24}$/)
  })
})
