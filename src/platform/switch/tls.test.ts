import 'reflect-metadata'
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { createServer } from 'node:tls'
import * as x509 from '@peculiar/x509'
import { newId, silentLog } from '#lib/index.ts'
import type { TrunkConfig } from '#platform/words/index.ts'
import { TrunkSecurity } from './tls.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** A certificate that stands for itself, with these alternative names. */
async function certified(names: x509.JsonGeneralNames) {
  const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      ...{ serialNumber: '41', name: 'CN=x', keys, signingAlgorithm: ALGORITHM },
      ...{ notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) },
      extensions: [new x509.SubjectAlternativeNameExtension(names)],
    },
    webcrypto,
  )
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  return { cert: certificate.toString('pem'), key: x509.PemConverter.encode(key, 'PRIVATE KEY') }
}

/** What becomes of a connection to somebody who shows this certificate, where `carrier.example` is looked for. */
async function outcome(names: x509.JsonGeneralNames, serverName?: string): Promise<string> {
  const shown = await certified(names)
  const server = createServer(shown)
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const trunk: TrunkConfig = {
    ...{ id: newId('trk'), name: 't', gateways: [], emergencyReserve: 0, media: 'relay' },
    tls: { ca: shown.cert, ...(serverName ? { serverName } : {}) },
  }
  const security = new TrunkSecurity({ log: silentLog, own: undefined, unseal: () => '', trunk: () => trunk })
  const to = { transport: 'tls' as const, address: '127.0.0.1', port, profile: trunk.id, name: 'carrier.example' }
  const socket = security.secure(connect({ host: '127.0.0.1', port }), to)
  try {
    return await new Promise((resolve) => {
      socket.once('secureConnect', () => resolve('taken'))
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    })
  } finally {
    socket.destroy()
    server.close()
  }
}

test('a certificate is for the name of the gateway, as host or as SIP URI (RFC 5922), and not for where it led', async () => {
  assert.equal(await outcome([{ type: 'dns', value: 'carrier.example' }]), 'taken')
  assert.equal(await outcome([{ type: 'url', value: 'sip:carrier.example' }]), 'taken')
  const wrong = 'ERR_TLS_CERT_ALTNAME_INVALID'
  assert.equal(await outcome([{ type: 'dns', value: 's1.carrier.example' }]), wrong)
  assert.equal(await outcome([{ type: 'ip', value: '127.0.0.1' }]), wrong)
  assert.equal(await outcome([{ type: 'url', value: 'https:carrier.example' }]), wrong)
  assert.equal(await outcome([{ type: 'url', value: 'sip:carrier.example.evil' }]), wrong)
  assert.equal(await outcome([{ type: 'dns', value: 'edge.example' }], 'edge.example'), 'taken')
  assert.equal(await outcome([{ type: 'dns', value: 'carrier.example' }], 'edge.example'), wrong)
})

test('one name that is written like several is none of them', async () => {
  assert.notEqual(await outcome([{ type: 'dns', value: 'x, URI:sip:carrier.example, y' }]), 'taken')
})
