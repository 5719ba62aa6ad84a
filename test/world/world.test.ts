import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { newKeyPair, newPresharedKey, toSiteFile } from '#protocol/wireguard/index.ts'
import { SipPeer, until } from '../peer/index.ts'
import { leftOf, type Namespace, PUBLIC, World } from './index.ts'
import { common, compareParties, inClear } from './isolation.ts'
import { cable, makeNamespaces, must } from './namespace.ts'

const OWNER = fileURLToPath(new URL('./owner.fixture.ts', import.meta.url))
const HUB = '10.254.0.1'
const GATEWAY = '10.254.0.2'
const WATCHED = [400, 500, 700, 900]
const PLAN = {
  watched: WATCHED,
  offices: [
    { name: 'acme', publicAddress: '203.0.113.21', tone: 700, customers: [] },
    { name: 'globex', publicAddress: '203.0.113.22', tone: 900, customers: [] },
  ],
}

/** A plain WireGuard peer in the node for one office, moved into a namespace of its own, as a platform would. */
async function plainTunnel(world: World, name: string, port: number): Promise<Namespace> {
  const [platform, site, presharedKey] = [newKeyPair(), newKeyPair(), newPresharedKey()]
  const [space] = await makeNamespaces([{ name: `tl-${world.id}-${name}`, role: `platform-${name}` }])
  const tunnel = `p${world.id}${name}`.slice(0, 15)
  const config = `[Interface]\nPrivateKey=${platform.privateKey}\nListenPort=${port}\n[Peer]\nPublicKey=${site.publicKey}\nPresharedKey=${presharedKey}\nAllowedIPs=${GATEWAY}/32,192.168.1.0/24\n`
  await world.node.run(['wireguard-go', tunnel])
  await world.node.run(['sh', '-c', `cat | wg setconf ${tunnel} /dev/stdin`], config)
  await world.node.run(['ip', 'link', 'set', tunnel, 'netns', space!.name])
  await space!.ip(`addr add ${HUB}/32 dev ${tunnel}`, `link set ${tunnel} mtu 1420 up`, `route add 192.168.1.0/24 dev ${tunnel}`)
  await world.capture(space!)
  await world.office(name).connect(
    toSiteFile({
      title: name,
      privateKey: site.privateKey,
      address: GATEWAY,
      mtu: 1420,
      platform: { publicKey: platform.publicKey, presharedKey, endpoint: { host: PUBLIC.node, port }, address: HUB },
      keepaliveSeconds: 25,
      lan: 'route',
    }),
  )
  return space!
}

describe('the world of the demonstration', () => {
  let world: World
  before(async () => {
    world = await World.open(PLAN)
    await world.populate()
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    assert.deepEqual(world.left(), [])
  })

  test('T01 two offices with the same addresses answer at once, each over its own tunnel', async () => {
    await using stack = new AsyncDisposableStack()
    const ends = await Promise.all(
      ['acme', 'globex'].map(async (name, i) => {
        const space = await plainTunnel(world, name, 51820 + i)
        return stack.use(await SipPeer.start(`switch-${name}`, HUB, space.enter, WATCHED))
      }),
    )
    const calls = await Promise.all(
      ends.map((end, i) =>
        end.place({ to: { address: '192.168.1.10', port: 5060 }, from: `caller${i}`, number: '101', tone: 400 + 100 * i }),
      ),
    )
    await Promise.all(ends.map((end, i) => end.wait(calls[i]!, 'up')))
    await until('a second of sound', async () => ((await ends[1]!.report(calls[1]!)).media?.heard.length ?? 0) >= 10, 5000)
    for (const [i, name] of ['acme', 'globex'].entries()) {
      const there = await ends[i]!.report(calls[i]!)
      const { pbx } = world.office(name)
      const here = await pbx.report((await pbx.list())[0]!.call)
      assert.deepEqual(new Set(there.media?.heard.map((h) => h.what)), new Set([700 + 200 * i]), `what ${name}'s caller heard`)
      assert.ok(here.media?.heard.some((h) => h.what === 400 + 100 * i))
      assert.ok(here.media?.heard.every((h) => h.what !== 400 + 100 * (1 - i)))
      await ends[i]!.hangup(calls[i]!)
    }
  })

  test('T01 the captures show each office its own packets only', async () => {
    await world.stopCaptures()
    const files = world.captures
    const of = (name: string) => [...files].filter(([role]) => role.includes(name) && !role.endsWith('-router')).map(([, f]) => f)
    const report = compareParties({ acme: of('acme'), globex: of('globex') })
    assert.deepEqual(report.shared, [])
    assert.ok(report.counts.acme! > 80 && report.counts.globex! > 80, 'the captures are not empty')
    assert.deepEqual([...inClear(files.get('node')!, '192.168.'), ...inClear(files.get('net')!, '192.168.')], [])
    // The same comparison does see a packet that passes two namespaces of one party.
    assert.ok(common(files.get('platform-acme')!, files.get('acme-pbx')!) > 80)
  })

  test('the comparison finds a path where someone has laid one', async () => {
    const roles = ['leak-a', 'leak-b']
    const [a, b] = await makeNamespaces(roles.map((role) => ({ name: `tw-${world.id}-${role}`, role })))
    await cable(a!, 'eth0', b!, 'eth0')
    await a!.ip('addr add 10.9.9.1/24 dev eth0', 'link set eth0 up')
    await b!.ip('addr add 10.9.9.2/24 dev eth0', 'link set eth0 up')
    await Promise.all([world.capture(a!), world.capture(b!)])
    await a!.run(['ping', '-c', '2', '-i', '0.1', '10.9.9.2'])
    await world.stopCaptures()
    const report = compareParties({ a: [world.captures.get('leak-a')!], b: [world.captures.get('leak-b')!] })
    assert.equal(report.shared.length, 4)
  })
})

for (const signal of ['SIGINT', 'SIGKILL'] as const)
  test(`nothing is left of a world whose owner was ended by ${signal}`, async () => {
    const owner = spawn(process.execPath, [OWNER], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(owner.stdout, 'data')
    const id = String(line).trim()
    assert.ok(leftOf(id).length > 10, 'the world was there')
    owner.kill(signal)
    await once(owner, 'exit')
    await until('the world to be gone', () => leftOf(id).length === 0, 10_000, 50)
    assert.equal((await must(['ip', 'netns', 'list'])).includes(id), false)
  })
