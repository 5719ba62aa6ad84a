import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { CommandFailed, run } from '#lib/index.ts'
import { checkChannel, namespacePath, type OpenTunnel, planChannel } from '#platform/channel/index.ts'
import type { SubscriberConfig } from '#platform/words/index.ts'
import {
  capture,
  channelWorld,
  inside,
  PBX_ADDRESS,
  PLATFORM_ADDRESS,
  packets,
  RULES,
  until,
  untilUp,
  type World,
} from './channel-world.ts'

const NOBODY = { name: 'nobody', gid: 65534 }

/** What of this world's platform is on the machine. */
async function traces(world: World): Promise<string[]> {
  const links: { ifname: string }[] = JSON.parse(await run('ip', ['-j', 'link', 'show']))
  const processes = await run('ps', ['-eo', 'args'])
  return [
    ...readdirSync('/run/netns').filter((name) => name.startsWith(`tl${world.instance}`)),
    ...links.map(({ ifname }) => ifname).filter((name) => name.startsWith(`tl${world.instance}`)),
    ...processes.split('\n').filter((line) => line.startsWith(`wireguard-go --foreground tl${world.instance}`)),
  ]
}

test('two offices with the same addresses are reached at once, and no packet of one is seen by the other (T01)', async () => {
  await using world = channelWorld()
  const [acme, globex] = [world.subscriber('acme', 1), world.subscriber('globex', 2)]
  await world.channels.start()
  await world.channels.reconcile([acme, globex])
  const sites = [await world.site(acme), await world.site(globex)]
  await untilUp(world, acme)
  await untilUp(world, globex)
  // Each office's pings carry a pattern of its own; every namespace is watched for both.
  const patterns = ['aaaa', 'bbbb']
  const places = [world.namespaceOf(acme), sites[0]!.lan, world.namespaceOf(globex), sites[1]!.lan]
  const captures = await Promise.all(places.map((place) => capture(place, 'icmp')))
  await Promise.all(
    [acme, globex].map((subscriber, i) =>
      inside(world.namespaceOf(subscriber), 'ping', '-c', '5', '-i', '0.05', '-W', '2', '-p', patterns[i]!, PBX_ADDRESS),
    ),
  )
  const seen = await Promise.all(captures.map((end) => end()))
  for (const [i, text] of seen.entries()) {
    const own = i < 2 ? 0 : 1
    assert.ok(packets(text, patterns[own]!) >= 10, `${places[i]} sees its own packets`)
    assert.equal(packets(text, patterns[1 - own]!), 0, `${places[i]} sees nothing of the other office`)
  }
})

test('a namespace has lo and its tunnel, no way out, and its port ranges to itself (R06)', async () => {
  await using world = channelWorld()
  const acme = world.subscriber('acme', 3)
  await world.channels.start()
  await world.channels.reconcile([acme])
  const namespace = world.namespaceOf(acme)
  const links: { ifname: string; mtu: number }[] = JSON.parse(await inside(namespace, 'ip', '-j', 'link', 'show'))
  assert.deepEqual(
    links.map(({ ifname }) => ifname),
    ['lo', `tl${world.instance}w3`],
  )
  assert.equal(links[1]!.mtu, 1420)
  const routes: { dst: string }[] = JSON.parse(await inside(namespace, 'ip', '-j', 'route', 'show'))
  assert.deepEqual(routes.map(({ dst }) => dst).sort(), ['10.210.0.2', '192.168.1.0/24'])
  const read = async (name: string) => (await inside(namespace, 'cat', `/proc/sys/net/${name}`)).trim()
  assert.equal(await read('ipv4/ip_forward'), '0')
  assert.equal(await read('ipv4/ip_local_reserved_ports'), '5060-5061,16384-32767')
  await assert.rejects(inside(namespace, 'ping', '-c', '1', '-W', '1', '192.0.2.1'), /unreachable|ended with/)
})

test('wireguard-go runs as its own account with CAP_NET_ADMIN and nothing else', async () => {
  await using world = channelWorld()
  await world.channels.start()
  await world.channels.reconcile([world.subscriber('acme', 4)])
  const lines = (await run('ps', ['-eo', 'pid,args'])).split('\n')
  const pid = lines
    .find((line) => line.includes(`wireguard-go --foreground tl${world.instance}w4`))
    ?.trim()
    .split(' ')[0]
  const status = await run('cat', [`/proc/${pid}/status`])
  const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1]
  assert.equal(field('Uid'), '65534\t65534\t65534\t65534')
  for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapAmb']) assert.equal(Number.parseInt(field(set)!, 16), 1 << 12, set)
  assert.equal(field('NoNewPrivs'), '1')
  assert.doesNotMatch(await run('cat', [`/proc/${pid}/environ`]), /private|key/i)
})

test('networks of a site that come and go cost those that stay neither a packet nor the handshake', async () => {
  await using world = channelWorld()
  const acme = world.subscriber('acme', 1)
  await world.channels.start()
  await world.channels.reconcile([acme])
  await world.site(acme)
  await untilUp(world, acme)
  const namespace = world.namespaceOf(acme)
  const flow = inside(namespace, 'ping', '-n', '-q', '-c', '600', '-i', '0.003', '-W', '2', PBX_ADDRESS)
  const before = world.channels.get(acme.id)!.status
  const networks = [['10.9.0.0/16'], ['10.9.0.0/16', '10.8.0.0/16'], ['10.8.0.0/16'], []]
  for (let i = 0; i < 12; i++) {
    const siteNetworks = [...acme.channel.siteNetworks, ...networks[i % networks.length]!]
    await world.channels.reconcile([{ ...acme, channel: { ...acme.channel, siteNetworks } }])
    assert.equal(await world.channels.get(acme.id)!.verify(), 'intact')
  }
  // One may be lost by a machine that is busy; by the changes it was eight.
  const received = Number(/ (\d+) received/.exec(await flow)?.[1])
  assert.ok(received >= 598, `${received} of 600 packets came back`)
  await world.channels.get(acme.id)!.poll()
  const { receivedBytes, handshakeAgeSeconds } = world.channels.get(acme.id)!.status
  assert.ok(
    receivedBytes > before.receivedBytes + 600 * 84,
    `${receivedBytes} bytes: its peer was told of anew, and counted from 0`,
  )
  assert.ok(handshakeAgeSeconds! > before.handshakeAgeSeconds!, 'the same handshake')
})

test('what is configured away is gone at once, with all that belonged to it', async () => {
  await using world = channelWorld()
  const [acme, globex] = [world.subscriber('acme', 1), world.subscriber('globex', 2)]
  await world.channels.start()
  await world.channels.reconcile([acme, globex])
  assert.equal((await traces(world)).length, 4) // two namespaces, two processes; the interfaces are inside
  await world.channels.reconcile([globex])
  assert.deepEqual(
    (await traces(world)).filter((name) => !name.endsWith('globex') && !name.endsWith('w2')),
    [],
  )
  assert.equal(world.statuses.findLast(({ subscriber }) => subscriber === acme.id)?.state, 'removed')
  await world.channels.close()
  assert.deepEqual(await traces(world), [])
})

test('one subscriber whose tunnel cannot be made hinders no other, and is made when it can be (T13)', async () => {
  let broken = true
  const fragile =
    (real: OpenTunnel): OpenTunnel =>
    async (request) => {
      if (broken && request.namespace.endsWith('acme')) throw new Error('the port is taken')
      return real(request)
    }
  await using world = channelWorld(fragile)
  const [acme, globex] = [world.subscriber('acme', 1), world.subscriber('globex', 2)]
  await world.channels.start()
  await world.channels.reconcile([acme, globex])
  const stateOf = ({ id }: SubscriberConfig) => world.channels.get(id)!.status
  assert.deepEqual([stateOf(acme).state, stateOf(acme).reason], ['down', 'the port is taken'])
  await world.site(globex)
  await untilUp(world, globex)
  broken = false
  await world.channels.verify()
  assert.equal(stateOf(acme).state, 'provisioned')
  assert.equal(stateOf(globex).state, 'up')
})

test('a port that another has is the reason that the channel gives, and only its own (T13)', async () => {
  await using world = channelWorld()
  const [acme, globex] = [world.subscriber('acme', 1), world.subscriber('globex', 2)]
  const squatter = world.libc.bindUdp('0.0.0.0', acme.channel.listenPort)
  try {
    await world.channels.start()
    await world.channels.reconcile([acme, globex])
    assert.equal(world.channels.get(acme.id)!.status.state, 'down')
    assert.equal(world.channels.get(globex.id)!.status.state, 'provisioned')
  } finally {
    world.libc.close(squatter.fd)
  }
})

test('a tunnel whose process is killed is down with a reason and made again (T10)', async () => {
  await using world = channelWorld()
  const acme = world.subscriber('acme', 1)
  await world.channels.start()
  await world.channels.reconcile([acme])
  await world.site(acme)
  await untilUp(world, acme)
  const pid = Number(
    (await run('ps', ['-eo', 'pid,args']))
      .split('\n')
      .find((l) => l.includes(`--foreground tl${world.instance}w1`))!
      .trim()
      .split(' ')[0],
  )
  process.kill(pid, 'SIGKILL')
  await until('the death is told', () => world.statuses.some(({ state }) => state === 'down'))
  assert.match(world.statuses.find(({ state }) => state === 'down')!.reason, /^wireguard-go ended \(SIGKILL\)/)
  const before = performance.now()
  await world.channels.verify()
  await untilUp(world, acme)
  assert.ok(
    performance.now() - before < 5000,
    'the platform called the site; the site alone would have waited for its next rekey',
  )
})

test('what someone has changed inside a namespace is put back, in place where that is enough', async () => {
  await using world = channelWorld()
  const acme = world.subscriber('acme', 1)
  await world.channels.start()
  await world.channels.reconcile([acme])
  const namespace = world.namespaceOf(acme)
  const channel = world.channels.get(acme.id)!
  assert.equal(await channel.verify(), 'intact')
  await inside(namespace, 'nft', 'flush', 'chain', 'inet', 'tieline', 'input')
  await inside(namespace, 'ip', 'route', 'flush', 'dev', `tl${world.instance}w1`)
  assert.equal(await channel.verify(), 'repaired')
  assert.match(await inside(namespace, 'nft', 'list', 'chain', 'inet', 'tieline', 'input'), /iifname "lo" udp dport .* drop/)
  await inside(namespace, 'ip', 'link', 'add', 'door0', 'type', 'bridge')
  assert.equal(await channel.verify(), 'remade')
  assert.doesNotMatch(await inside(namespace, 'ip', 'link', 'show'), /door0/)
})

test('a change that leaves the channel what it is keeps the tunnel up (O07)', async () => {
  await using world = channelWorld()
  const acme = world.subscriber('acme', 1)
  await world.channels.start()
  await world.channels.reconcile([acme])
  await world.site(acme)
  await untilUp(world, acme)
  const made = world.made.length
  await world.channels.reconcile([{ ...acme, agent: { ...acme.agent, listen: [8080, 9090] } }])
  assert.equal(world.made.length, made, 'nothing was made anew')
  assert.equal(world.channels.get(acme.id)!.status.state, 'up')
  assert.match(await inside(world.namespaceOf(acme), 'nft', 'list', 'chain', 'inet', 'tieline', 'input'), /9090/)
})

test('a host that died in the middle leaves what the next one clears, whatever had been made by then (T10)', async () => {
  await using world = channelWorld()
  const subscribers = [world.subscriber('acme', 1), world.subscriber('globex', 2), world.subscriber('initech', 3)]
  const plans = subscribers.map((each) => planChannel(each, { instance: world.instance, ...RULES }))
  // Each stands for a moment of death: a bare namespace, one with an interface outside, the file that a reboot leaves.
  await run('ip', ['netns', 'add', plans[0]!.namespace])
  await run('ip', ['netns', 'add', `tl${world.instance}-nobody`])
  await run('ip', ['tuntap', 'add', 'dev', plans[1]!.interface, 'mode', 'tun'])
  await run('sh', ['-c', `: > /run/netns/${plans[2]!.namespace}`])
  await world.channels.start()
  assert.deepEqual(await traces(world), [])
  await world.channels.reconcile(subscribers)
  assert.equal((await traces(world)).length, 6)
  assert.ok(subscribers.every(({ id }) => world.channels.get(id)!.stands))
})

test('the check names the first thing that fails: handshake, gateway, route, route back, MTU', async () => {
  await using world = channelWorld()
  const acme = world.subscriber('acme', 1)
  await world.channels.start()
  await world.channels.reconcile([acme])
  const channel = world.channels.get(acme.id)!
  const check = (site = acme.site) => checkChannel({ channel, site, dnsServers: [], account: NOBODY })
  const failing = async (site = acme.site) => (await check(site)).filter(({ ok }) => !ok).map(({ step }) => step)
  assert.deepEqual(await failing(), ['handshake'])
  const site = await world.site(acme)
  await untilUp(world, acme)
  assert.deepEqual(
    (await check()).map(({ step, ok }) => [step, ok]),
    ['namespace', 'handshake', 'gateway', 'route', 'route-back', 'mtu'].map((step) => [step, true]),
  )
  assert.deepEqual(await failing({ pbx: { host: '172.16.0.1', port: 5060 } }), ['route'])
  await inside(site.lan, 'ip', 'route', 'del', 'default')
  assert.deepEqual(await failing(), ['route-back'])
  await inside(site.lan, 'ip', 'route', 'add', 'default', 'via', '192.168.1.1')
  await inside(site.gateway, 'sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward')
  assert.deepEqual(await failing(), ['route'])
  await inside(site.gateway, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
  await inside(site.gateway, 'ip', 'link', 'set', 'lan0', 'mtu', '1300')
  assert.deepEqual(await failing(), ['mtu'])
  assert.match((await check()).at(-1)!.text, /1280 pass: set the channel's MTU to 1280/)
  await inside(site.gateway, 'ip', 'addr', 'del', '10.210.0.2/32', 'dev', `s${world.instance}w1`)
  assert.deepEqual(await failing(), ['gateway'])
})

test('from inside a namespace nothing of the platform, the node or another office answers (T09)', async () => {
  await using world = channelWorld()
  const [acme, globex] = [world.subscriber('acme', 1), world.subscriber('globex', 2)]
  await world.channels.start()
  await world.channels.reconcile([acme, globex])
  const site = await world.site(acme)
  await untilUp(world, acme)
  const namespace = world.namespaceOf(acme)
  const held = world.libc.inNamespace(namespacePath(namespace), () => world.libc.bindUdp(PLATFORM_ADDRESS, 5060))
  const knock = `echo INVITE > /dev/udp/${PLATFORM_ADDRESS}/5060`
  try {
    // As an agent's uid: to the platform's own port in its namespace, and to whatever else there is in the world.
    const asAgent = (script: string) =>
      inside(
        namespace,
        'setpriv',
        '--reuid',
        '210001',
        '--regid',
        '210001',
        '--clear-groups',
        '--',
        'timeout',
        '1',
        'bash',
        '-c',
        script,
      )
    await asAgent(knock)
    assert.equal(await waiting(namespace), 0, 'a knock on lo does not arrive')
    const others = [
      '127.0.0.1/5432',
      '169.254.169.254/80',
      '10.210.0.2/5060',
      `${PBX_ADDRESS}/5060`,
      '8.8.8.8/53',
      `${PLATFORM_ADDRESS}/16384`,
    ]
    for (const other of others) await assert.rejects(asAgent(`exec 3<>/dev/tcp/${other}`), CommandFailed, other)
    // The same port is open to the site, but not to who speaks from an address that is not the site's.
    await inside(site.lan, 'bash', '-c', knock)
    await until('the knock of the site arrives', async () => (await waiting(namespace)) > 0)
    const once = await waiting(namespace)
    await inside(site.lan, 'ip', 'addr', 'add', '172.16.9.9/32', 'dev', 'eth0')
    await inside(site.lan, 'ip', 'route', 'replace', 'default', 'via', '192.168.1.1', 'src', '172.16.9.9')
    await inside(site.lan, 'bash', '-c', knock)
    await inside(site.lan, 'ip', 'route', 'replace', 'default', 'via', '192.168.1.1', 'src', PBX_ADDRESS)
    await inside(site.lan, 'bash', '-c', knock)
    await until('the honest knock arrives', async () => (await waiting(namespace)) > once)
    assert.equal(await waiting(namespace), once * 2, 'the spoofed one does not')
  } finally {
    world.libc.close(held.fd)
  }
})

/** Bytes that wait in the socket at UDP port 5060, by the kernel's own table. */
async function waiting(namespace: string): Promise<number> {
  const table = await inside(namespace, 'cat', '/proc/net/udp')
  const line = table.split('\n').find((each) => each.includes(':13C4 '))!
  return Number.parseInt(line.trim().split(/\s+/)[4]!.split(':')[1]!, 16)
}
