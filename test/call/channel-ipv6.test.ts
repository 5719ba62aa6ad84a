import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommandFailed } from '#lib/index.ts'
import { namespacePath } from '#platform/channel/index.ts'
import type { SubscriberConfig } from '#platform/words/index.ts'
import {
  capture,
  channelWorld,
  inside,
  PBX_ADDRESS,
  PLATFORM_ADDRESS,
  packets,
  SIX,
  until,
  untilUp,
  type World,
} from './channel-world.ts'

/** A subscriber whose site has IPv6 beside IPv4. */
function dual(world: World, name: string, slot: number, changes: Partial<SubscriberConfig['channel']> = {}): SubscriberConfig {
  const config = world.subscriber(name, slot)
  return withIpv6(config, changes)
}

function withIpv6(config: SubscriberConfig, changes: Partial<SubscriberConfig['channel']> = {}): SubscriberConfig {
  const siteNetworks = [...config.channel.siteNetworks, SIX.network]
  return { ...config, channel: { ...config.channel, ipv6: SIX.ends, siteNetworks, ...changes } }
}

interface Addressed {
  ifname: string
  addr_info: { family: string; local: string; scope: string; tentative?: boolean }[]
}

async function addresses(namespace: string, family: '-4' | '-6'): Promise<string[]> {
  const links: Addressed[] = JSON.parse(await inside(namespace, 'ip', family, '-j', 'addr', 'show'))
  assert.ok(!links.some(({ addr_info }) => addr_info.some(({ tentative }) => tentative)), 'no address is being looked for')
  return links.filter(({ ifname }) => ifname !== 'lo').flatMap(({ addr_info }) => addr_info.map(({ local }) => local))
}

const ping = (namespace: string, to: string, ...more: string[]) =>
  inside(namespace, 'ping', '-n', '-c', '3', '-i', '0.05', '-W', '2', ...more, to)

test('two offices with the same IPv6 network are reached at once, and no packet of one is seen by the other (T01)', async () => {
  await using world = channelWorld()
  const [acme, globex] = [dual(world, 'acme', 1), dual(world, 'globex', 2)]
  await world.channels.start()
  await world.channels.reconcile([acme, globex])
  const sites = [await world.site(acme), await world.site(globex)]
  await untilUp(world, acme, globex)
  assert.deepEqual(await addresses(world.namespaceOf(acme), '-6'), [SIX.ends.address], 'its own address alone, and at once')
  const patterns = ['aaaa', 'bbbb']
  const places = [world.namespaceOf(acme), sites[0]!.lan, world.namespaceOf(globex), sites[1]!.lan]
  const captures = await Promise.all(places.map((place) => capture(place, 'icmp6')))
  await Promise.all([acme, globex].map((each, i) => ping(world.namespaceOf(each), SIX.pbx, '-c', '5', '-p', patterns[i]!)))
  const seen = await Promise.all(captures.map((end) => end()))
  for (const [i, text] of seen.entries()) {
    const own = i < 2 ? 0 : 1
    assert.ok(packets(text, patterns[own]!) >= 10, `${places[i]} sees its own packets`)
    assert.equal(packets(text, patterns[1 - own]!), 0, `${places[i]} sees nothing of the other office`)
  }
})

test('a namespace with IPv6 is found as it was made, and a site without has none of it', async () => {
  await using world = channelWorld()
  const [acme, globex] = [dual(world, 'acme', 1), world.subscriber('globex', 2)]
  await world.channels.start()
  await world.channels.reconcile([acme, globex])
  await world.site(acme)
  await untilUp(world, acme)
  await ping(world.namespaceOf(acme), SIX.pbx)
  for (const { id } of [acme, globex]) assert.equal(await world.channels.get(id)!.verify(), 'intact')
  const off = await inside(world.namespaceOf(globex), 'cat', '/proc/sys/net/ipv6/conf/all/disable_ipv6')
  assert.equal(off.trim(), '1')
  await inside(world.namespaceOf(acme), 'ip', '-6', 'addr', 'flush', 'dev', `tl${world.instance}w1`)
  assert.equal(await world.channels.get(acme.id)!.verify(), 'repaired')
  await ping(world.namespaceOf(acme), SIX.pbx)
})

test('a channel gets IPv6, and loses it, in place: what goes by IPv4 goes on', async () => {
  await using world = channelWorld()
  const plain = world.subscriber('acme', 1)
  await world.channels.start()
  await world.channels.reconcile([plain])
  await world.site(plain)
  await untilUp(world, plain)
  const namespace = world.namespaceOf(plain)
  const flow = inside(namespace, 'ping', '-n', '-q', '-c', '60', '-i', '0.02', '-W', '2', PBX_ADDRESS)
  await world.channels.reconcile([withIpv6(plain)])
  assert.deepEqual(await addresses(namespace, '-6'), [SIX.ends.address])
  await ping(namespace, SIX.pbx)
  await world.channels.reconcile([plain])
  assert.deepEqual(await addresses(namespace, '-6'), [])
  assert.deepEqual(await addresses(namespace, '-4'), [PLATFORM_ADDRESS])
  const received = Number(/ (\d+) received/.exec(await flow)?.[1])
  assert.ok(received >= 59, `${received} of 60 packets came back`)
  assert.equal(await world.channels.get(plain.id)!.verify(), 'intact')
  assert.equal(world.made.length, 1, 'it was never made anew')
  assert.deepEqual(
    world.addressed.map(({ ipv6 }) => ipv6),
    [SIX.ends, null],
  )
})

test('from inside a namespace nothing of the platform, the node or another office answers by IPv6 (T09)', async () => {
  await using world = channelWorld()
  const [acme, globex] = [dual(world, 'acme', 1), dual(world, 'globex', 2)]
  await world.channels.start()
  await world.channels.reconcile([acme, globex])
  const site = await world.site(acme)
  await untilUp(world, acme)
  const namespace = world.namespaceOf(acme)
  const held = world.libc.inNamespace(namespacePath(namespace), () => world.libc.bindUdp(SIX.ends.address, 5060))
  const other = world.libc.inNamespace(namespacePath(namespace), () => world.libc.bindUdp(SIX.ends.address, 6000))
  const knock = (port: number) => `echo INVITE > /dev/udp/${SIX.ends.address}/${port}`
  const account = ['--reuid', '210001', '--regid', '210001', '--clear-groups', '--']
  const asAgent = (script: string) => inside(namespace, 'setpriv', ...account, 'timeout', '1', 'bash', '-c', script)
  try {
    await asAgent(knock(5060))
    assert.equal(await waiting(namespace, 5060), 0, 'a knock on lo does not arrive')
    const others = [
      '::1/5432',
      `${SIX.ends.peerAddress}/5060`,
      `${SIX.pbx}/5060`,
      '2606:4700:4700::1111/53',
      `${SIX.ends.address}/16384`,
      'fe80::1/53',
    ]
    for (const each of others) await assert.rejects(asAgent(`exec 3<>/dev/tcp/${each}`), CommandFailed, each)
    await inside(site.lan, 'bash', '-c', knock(6000))
    await inside(site.lan, 'bash', '-c', knock(5060))
    await until('the knock of the site arrives', async () => (await waiting(namespace, 5060)) > 0)
    const once = await waiting(namespace, 5060)
    assert.equal(await waiting(namespace, 6000), 0, 'to a port that is not the platform’s nothing comes through')
    // From an address that is not the site's nothing is taken.
    await inside(site.lan, 'ip', 'addr', 'add', 'fd99::9/128', 'dev', 'eth0', 'nodad')
    const from = (source: string) =>
      inside(site.lan, 'ip', '-6', 'route', 'replace', 'default', 'via', SIX.gateway, 'dev', 'eth0', 'src', source)
    await from('fd99::9')
    await inside(site.lan, 'bash', '-c', knock(5060))
    await from(SIX.pbx)
    await inside(site.lan, 'bash', '-c', knock(5060))
    await until('the honest knock arrives', async () => (await waiting(namespace, 5060)) > once)
    assert.equal(await waiting(namespace, 5060), once * 2, 'the spoofed one does not')
  } finally {
    world.libc.close(held.fd)
    world.libc.close(other.fd)
  }
})

test('a packet that is too large for the way behind the site’s gateway is told of, and heard (T03)', async () => {
  await using world = channelWorld()
  const acme = dual(world, 'acme', 1)
  await world.channels.start()
  await world.channels.reconcile([acme])
  const site = await world.site(acme)
  await untilUp(world, acme)
  await inside(site.gateway, 'ip', 'link', 'set', 'lan0', 'mtu', '1300')
  await inside(site.lan, 'ip', 'link', 'set', 'eth0', 'mtu', '1300')
  const namespace = world.namespaceOf(acme)
  await until('the namespace has heard what the way carries', async () => {
    await ping(namespace, SIX.pbx, '-M', 'dont', '-s', '1352').catch(() => {})
    return (await inside(namespace, 'ip', '-6', 'route', 'get', SIX.pbx)).includes('mtu 1300')
  })
  await ping(namespace, SIX.pbx, '-M', 'want', '-s', '1352')
})

test('a tunnel over a way that is narrower than IPv6 needs stays as wide as that', async () => {
  await using world = channelWorld()
  const [acme, globex] = [dual(world, 'acme', 1), world.subscriber('globex', 2)]
  await world.channels.start()
  await world.channels.reconcile([acme, globex])
  // Nothing that is larger comes back from either site.
  const narrow =
    'add table ip n; add chain ip n i { type filter hook input priority 0; }; add rule ip n i meta length > 1000 drop'
  for (const each of [acme, globex]) await inside((await world.site(each)).gateway, 'nft', narrow)
  await untilUp(world, acme, globex)
  const mtuOf = ({ id }: SubscriberConfig) => world.channels.get(id)!.status.mtu
  await until('both ways are measured', () => mtuOf(acme) === 1280 && mtuOf(globex) <= 1000)
  await ping(world.namespaceOf(acme), SIX.pbx)
})

/** Bytes that wait in the IPv6 socket at a UDP port, by the kernel's own table. */
async function waiting(namespace: string, port: number): Promise<number> {
  const table = await inside(namespace, 'cat', '/proc/net/udp6')
  const line = table.split('\n').find((each) => each.includes(`:${port.toString(16).toUpperCase()} `))!
  return Number.parseInt(line.trim().split(/\s+/)[4]!.split(':')[1]!, 16)
}
