import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run, silentLog, systemClock } from '#lib/index.ts'
import { loadLibc, userspaceTunnels } from '#platform/channel/index.ts'
import { newKeyPair, newPresharedKey, parseDump, publicKeyOf, toConfigText, toSiteFile } from '#protocol/wireguard/index.ts'

// WireGuard's own tools are the judges of what we write and the source of what we read.

function scratch() {
  const directory = mkdtempSync(join(tmpdir(), 'tlwg-'))
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) }
}

const site = (privateKey: string | null) => ({
  title: 'acme',
  privateKey,
  address: '10.210.0.2',
  mtu: 1420,
  platform: {
    publicKey: newKeyPair().publicKey,
    presharedKey: newPresharedKey(),
    endpoint: { host: 'tieline.example', port: 12001 },
    address: '10.210.0.1',
  },
  keepaliveSeconds: 25,
  lan: 'masquerade' as const,
})

test('wg agrees which public key belongs to a private one', async () => {
  for (let i = 0; i < 10; i++) {
    const { privateKey, publicKey } = newKeyPair()
    assert.equal((await run('wg', ['pubkey'], { input: privateKey })).trim(), publicKey)
    assert.equal(publicKeyOf(privateKey), publicKey)
  }
  const theirs = (await run('wg', ['genkey'])).trim()
  assert.equal((await run('wg', ['pubkey'], { input: theirs })).trim(), publicKeyOf(theirs))
})

test('wg-quick reads the file of a site', async () => {
  using place = scratch()
  const file = join(place.directory, 'tieline.conf')
  const { privateKey } = newKeyPair()
  const wanted = site(privateKey)
  writeFileSync(file, toSiteFile(wanted), { mode: 0o600 })
  const stripped = await run('wg-quick', ['strip', file])
  const value = (key: string) => new RegExp(`^${key} = (.*)$`, 'm').exec(stripped)?.[1]
  assert.equal(value('PrivateKey'), privateKey)
  assert.equal(value('PresharedKey'), wanted.platform.presharedKey)
  assert.equal(value('AllowedIPs'), '10.210.0.1/32')
  assert.equal(value('PersistentKeepalive'), '25')
  assert.doesNotMatch(stripped, /PostUp|Address|MTU/, 'wg-quick has taken its own lines')
})

test('the hooks of a site file are shell that a shell accepts', async () => {
  using place = scratch()
  for (const lan of ['route', 'masquerade'] as const) {
    const text = toSiteFile({ ...site(newKeyPair().privateKey), lan })
    const hooks = [...text.matchAll(/^Post(?:Up|Down) = (.*)$/gm)].map(([, hook]) => hook!.replaceAll('%i', 'tieline'))
    assert.ok(hooks.length >= 2)
    const file = join(place.directory, `${lan}.sh`)
    writeFileSync(file, hooks.join('\n'))
    await run('bash', ['-n', file])
  }
})

test('wg takes our configuration, and reports what we then read, alike by both roads', async () => {
  using place = scratch()
  const libc = loadLibc()
  const [own, peer] = [newKeyPair(), newKeyPair()]
  const presharedKey = newPresharedKey()
  const name = `ti${newKeyPair()
    .publicKey.replaceAll(/[^a-z0-9]/g, '')
    .slice(0, 6)}`
  const namespace = `${name}-interop`
  const { fd, port } = libc.bindUdp('0.0.0.0', 0)
  libc.close(fd)
  const open = userspaceTunnels({
    ...{ libc, clock: systemClock, log: silentLog, cgroup: null, directory: place.directory },
    account: { name: 'nobody', uid: 65534, gid: 65534 },
  })
  await run('ip', ['netns', 'add', namespace])
  try {
    const device = { privateKey: own.privateKey, listenPort: port, peers: [] }
    const tunnel = await open({ interface: name, namespace, mtu: 1420, device })
    try {
      // wg finds the control socket where wireguard-go has put it, when /run is what that one sees.
      const wg = (args: string, input = '') =>
        run('unshare', ['--mount', 'sh', '-c', `mount --bind ${place.directory} /run && cat | wg ${args}`], { input })
      const config = {
        ...device,
        peers: [{ publicKey: peer.publicKey, presharedKey, allowedIps: ['10.0.0.1/32', '192.168.1.0/24'], keepaliveSeconds: 25 }],
      }
      await wg(`setconf ${name} /dev/stdin`, toConfigText(config))
      const dump = await wg(`show ${name} dump`)
      assert.match(dump, /10\.0\.0\.1\/32,192\.168\.1\.0\/24/)
      assert.ok(dump.includes(presharedKey))
      const expected = {
        listenPort: port,
        peers: [{ publicKey: peer.publicKey, endpoint: null, latestHandshake: null, receivedBytes: 0, sentBytes: 0 }],
      }
      assert.deepEqual(parseDump(dump), expected)
      assert.deepEqual(await tunnel.status(), expected)
      // And wg reads what the other road has set.
      await tunnel.configure({ ...config, peers: [{ ...config.peers[0]!, allowedIps: ['10.9.0.0/16'] }] })
      assert.match(await wg(`show ${name} allowed-ips`), /10\.9\.0\.0\/16/)
      const { publicKey } = peer
      for (const [before, allowedIps] of [
        [['10.9.0.0/16'], ['10.9.0.0/16', 'fd00:1::/64']],
        [
          ['10.9.0.0/16', 'fd00:1::/64'],
          ['fd00:1::/64', '10.8.0.0/16'],
        ],
      ] as const) {
        await tunnel.reroute({ publicKey, before, allowedIps })
        const said = await wg(`show ${name} allowed-ips`)
        assert.deepEqual(said.trim().split(/\s+/).slice(1).toSorted(), [...allowedIps].toSorted())
      }
      const [, psk] = (await wg(`show ${name} preshared-keys`)).trim().split(/\s+/)
      assert.equal(psk, presharedKey, 'and all else is as it was')
    } finally {
      await tunnel.close()
    }
  } finally {
    await run('ip', ['netns', 'del', namespace])
  }
})
