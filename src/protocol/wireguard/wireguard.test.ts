import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type DeviceConfig,
  isKey,
  newKeyPair,
  newPresharedKey,
  parseDump,
  parseUapi,
  publicKeyOf,
  toConfigText,
  toSiteFile,
  uapiNetworks,
  uapiSet,
} from './index.ts'

const device: DeviceConfig = {
  privateKey: 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=',
  listenPort: 12001,
  peers: [
    {
      publicKey: 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=',
      presharedKey: '/UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=',
      allowedIps: ['10.210.0.2/32', '192.168.1.0/24'],
    },
  ],
}

test('a public key is the X25519 of its private key (RFC 7748 §6.1)', () => {
  const alice = Buffer.from('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a', 'hex')
  const expected = Buffer.from('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a', 'hex')
  assert.equal(publicKeyOf(alice.toString('base64')), expected.toString('base64'))
})

test('keys are made clamped, all different and well formed', () => {
  const pairs = Array.from({ length: 50 }, newKeyPair)
  for (const { privateKey, publicKey } of pairs) {
    const raw = Buffer.from(privateKey, 'base64')
    assert.equal(raw[0]! & 7, 0)
    assert.equal(raw[31]! & 0xc0, 0x40)
    assert.ok(isKey(privateKey) && isKey(publicKey))
    assert.equal(publicKeyOf(privateKey), publicKey)
  }
  assert.equal(new Set(pairs.map((p) => p.publicKey)).size, 50)
  assert.ok(isKey(newPresharedKey()))
  assert.ok(!isKey('short='))
})

test('a configuration is the text that wg setconf reads', () => {
  assert.equal(
    toConfigText(device),
    `[Interface]
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
ListenPort = 12001

[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
PresharedKey = /UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=
AllowedIPs = 10.210.0.2/32, 192.168.1.0/24
`,
  )
})

test('a value with a line break is refused in every text', () => {
  const evil: DeviceConfig = { ...device, peers: [{ ...device.peers[0]!, endpoint: '192.0.2.1:1\nPostUp = sh' }] }
  assert.throws(() => toConfigText(evil), /line break/)
  assert.throws(() => uapiSet(evil), /line break/)
})

test('a userspace interface is set whole, with keys in hexadecimal', () => {
  const lines = uapiSet(device).split('\n')
  assert.equal(lines[0], 'set=1')
  assert.match(lines[1]!, /^private_key=[0-9a-f]{64}$/)
  assert.ok(lines.includes('replace_peers=true'))
  assert.deepEqual(lines.slice(-4), ['allowed_ip=10.210.0.2/32', 'allowed_ip=192.168.1.0/24', '', ''])
})

test('other networks of a peer leave all else as it is: those that go are taken away by nobody’s key', () => {
  const { publicKey } = device.peers[0]!
  const nobody = newKeyPair().publicKey
  const keyOf = (key: string) => `public_key=${Buffer.from(key, 'base64').toString('hex')}`
  const [own, other] = [keyOf(publicKey), keyOf(nobody)]
  const asked = (before: string[], allowedIps: string[]) =>
    uapiNetworks({ publicKey, before, allowedIps }, nobody).split('\n').slice(1)
  assert.deepEqual(asked(['10.0.0.0/8'], ['10.0.0.0/8', 'fd00::/8']), [
    ...[own, 'update_only=true', 'allowed_ip=10.0.0.0/8', 'allowed_ip=fd00::/8', '', ''],
  ])
  assert.deepEqual(asked(['10.0.0.0/8', 'fd00::/8'], ['fd00::/8']), [
    ...[other, 'allowed_ip=10.0.0.0/8', other, 'remove=true', own, 'update_only=true', 'allowed_ip=fd00::/8', '', ''],
  ])
  // The same, written otherwise: what is given last counts.
  assert.deepEqual(asked(['10.0.0.1/8'], ['10.0.0.0/8']), [
    ...[other, 'allowed_ip=10.0.0.1/8', other, 'remove=true', own, 'update_only=true', 'allowed_ip=10.0.0.0/8', '', ''],
  ])
  assert.throws(() => asked([], ['fd00::/8\nprivate_key=0']), /line break/)
})

test('the answer of a userspace interface is read without its secrets', () => {
  const hex = Buffer.from(device.peers[0]!.publicKey, 'base64').toString('hex')
  const secret = '11'.repeat(32)
  const status = parseUapi(
    `private_key=${secret}\nlisten_port=12001\npublic_key=${hex}\npreshared_key=${secret}\nendpoint=127.0.0.1:9\n` +
      'last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=5\ntx_bytes=148\nrx_bytes=92\nallowed_ip=10.0.0.1/32\nerrno=0\n\n',
  )
  assert.deepEqual(status, {
    listenPort: 12001,
    peers: [
      {
        publicKey: device.peers[0]!.publicKey,
        endpoint: '127.0.0.1:9',
        latestHandshake: 1700000000,
        receivedBytes: 92,
        sentBytes: 148,
      },
    ],
  })
  assert.throws(() => parseUapi('errno=-22\n\n'), /errno -22/)
  assert.throws(() => parseUapi(''), /errno nothing/)
})

test('wg show dump is read, a peer without handshake included', () => {
  const status = parseDump('priv\tpub\t12001\toff\npeerkey\t(none)\t(none)\t10.0.0.1/32\t0\t0\t148\toff\n')
  assert.deepEqual(status, {
    listenPort: 12001,
    peers: [{ publicKey: 'peerkey', endpoint: null, latestHandshake: null, receivedBytes: 0, sentBytes: 148 }],
  })
  assert.throws(() => parseDump('nothing'), /not the output/)
})

const site = {
  title: 'acme',
  privateKey: device.privateKey,
  address: '10.210.0.2',
  mtu: 1420,
  platform: {
    publicKey: device.peers[0]!.publicKey,
    presharedKey: device.peers[0]!.presharedKey!,
    endpoint: { host: 'tieline.example', port: 12001 },
    address: '10.210.0.1',
  },
  keepaliveSeconds: 25,
  lan: 'route',
} as const

test('a site file keeps the way open and follows a name that moves (T04, T05)', () => {
  const text = toSiteFile(site)
  assert.match(text, /^PersistentKeepalive = 25$/m)
  assert.match(text, /^Endpoint = tieline\.example:12001$/m)
  assert.match(text, /^AllowedIPs = 10\.210\.0\.1\/32$/m)
  assert.match(text, /^PostUp = \(while sleep 60 .*wg set %i peer \S+ endpoint tieline\.example:12001/m)
  assert.doesNotMatch(text, /masquerade/)
  assert.doesNotMatch(
    toSiteFile({ ...site, platform: { ...site.platform, endpoint: { host: '192.0.2.1', port: 1 } } }),
    /while sleep/,
  )
})

test('a site file masquerades only where that was asked for', () => {
  const text = toSiteFile({ ...site, lan: 'masquerade' })
  assert.match(text, /^PostUp = nft add rule ip tieline postrouting ip saddr 10\.210\.0\.1 oifname != %i masquerade$/m)
  assert.match(text, /^PostDown = nft delete table ip tieline$/m)
})

test('a site that made its own key pair gets a file without one', () => {
  const text = toSiteFile({ ...site, privateKey: null })
  assert.doesNotMatch(text, /^PrivateKey/m)
  assert.match(text, /^# PrivateKey =$/m)
})

test('a site that has IPv6 too gets both addresses, and what it takes to forward and to masquerade both', () => {
  const ipv6 = { address: 'fd00:210::2', platform: 'fd00:210::1' }
  const text = toSiteFile({ ...site, ipv6, lan: 'masquerade' })
  assert.match(text, /^Address = 10\.210\.0\.2\/32, fd00:210::2\/128$/m)
  assert.match(text, /^AllowedIPs = 10\.210\.0\.1\/32, fd00:210::1\/128$/m)
  assert.match(text, /^PostUp = sysctl -q -w net\.ipv4\.ip_forward=1$/m)
  assert.match(text, /^PostUp = sysctl -q -w net\.ipv6\.conf\.all\.forwarding=1$/m)
  assert.match(text, /^PostUp = nft add rule ip tieline postrouting ip saddr 10\.210\.0\.1 oifname != %i masquerade$/m)
  assert.match(text, /^PostUp = nft add rule ip6 tieline postrouting ip6 saddr fd00:210::1 oifname != %i masquerade$/m)
  assert.match(text, /^PostDown = nft delete table ip tieline$/m)
  assert.match(text, /^PostDown = nft delete table ip6 tieline$/m)
  assert.match(text, /for width in 1420 [^;]*\b1280; do/, 'no width is tried that IPv6 cannot be had with')
  assert.match(
    toSiteFile({ ...site, ipv6 }),
    /# On the office's router: send 10\.210\.0\.1 and fd00:210::1 to this machine's address/,
  )
})

test('a site without IPv6 gets a file that never speaks of it: its gateway may have none', () => {
  assert.doesNotMatch(toSiteFile({ ...site, lan: 'masquerade' }), /ipv6|ip6|::/)
})
