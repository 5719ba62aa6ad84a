import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import { DID, World } from '../call/harness.ts'
import { until } from '../peer/clock.ts'

/** The address that SIPVicious sends from, unless it is `svmap`, which can be told another. */
const SCANNER = '127.0.0.1'
const EXTENSIONS = '-e100-110'

test('F01 SIPVicious finds neither a switch nor an extension from outside, and calls go on', async () => {
  await using world = await World.open({ log: 'error' })
  const { address } = world.node
  const [cpu, begun] = [cpuSeconds(world), performance.now()]
  assert.match(await scan(world, 'svmap', '-b', `${world.net}.9`, '-P', '5099', address), /found nothing/)
  assert.match(await scan(world, 'svwar', '--force', EXTENSIONS, address), /found nothing/)
  assert.match(await scan(world, 'svwar', '--force', '-m', 'INVITE', EXTENSIONS, address), /found nothing/)
  assert.match(await scan(world, 'svcrack', '-u', '101', '-r', '1000-1100', address), /no server response[\s\S]*found nothing/)
  const share = (cpuSeconds(world) - cpu) / ((performance.now() - begun) / 1000)
  assert.ok(share < 0.1, `it cost ${Math.round(100 * share)} % of a core`)
  const metrics = await world.link.call('metrics', {})
  const dropped = metrics.find(({ name }) => name === 'tieline_sip_strangers_total')!.samples[0]!.value
  assert.ok(dropped >= 4, `each has asked, and ${dropped} datagrams of strangers were seen`)
  assert.deepEqual(await world.events(), [])
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('an answer', () => call.phase === 'up', 2000)
  call.hangup()
  await world.quiet()
  // It does find what can be found: us from the trunk's own address, an extension of a PBX that tells.
  assert.match(await scan(world, 'svmap', '-b', `${world.net}.2`, '-P', '5099', address), new RegExp(`${address}:5060`))
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 5 }]
  assert.match(await scan(world, 'svwar', '-m', 'INVITE', EXTENSIONS, `${world.net}.74`), /\b101\b/)
})

test('F01 SIPVicious inside a site learns nothing about which telephones there are', async () => {
  await using world = await World.open({ log: 'error' })
  const [acme] = world.snapshot.subscribers
  const telephones = ['101', '102'].map((name) => ({ name, password: createSealer(world.sealingKey).seal('geheim') }))
  const siteNetworks = [...acme!.channel.siteNetworks, `${SCANNER}/32`]
  await world.change({ telephones, channel: { ...acme!.channel, siteNetworks } })
  const { address } = world.siteSwitch
  assert.match(await scan(world, 'svwar', EXTENSIONS, address), /authentication request for an unknown extension/)
  for (const method of ['REGISTER', 'OPTIONS', 'INVITE'])
    assert.match(await scan(world, 'svwar', '--force', '-m', method, EXTENSIONS, address), /found nothing/, method)
})

test('F01 SIPVicious inside a site finds a password only where it is among those that it tries, and no name that there is not', async () => {
  await using world = await World.open({ log: 'error' })
  const [acme] = world.snapshot.subscribers
  const seal = (password: string) => createSealer(world.sealingKey).seal(password)
  const telephones = [
    { name: '101', password: seal('1007') },
    { name: '102', password: seal('circle-of-life') },
  ]
  await world.change({
    telephones,
    channel: { ...acme!.channel, siteNetworks: [...acme!.channel.siteNetworks, `${SCANNER}/32`] },
  })
  const { address } = world.siteSwitch
  const crack = (user: string) => scan(world, 'svcrack', '-u', user, '-r', '1000-1015', address)
  assert.match(await crack('101'), /101[ |]+1007/)
  for (const user of ['102', '103']) {
    const said = await crack(user)
    assert.match(said, /found nothing/, user)
    assert.doesNotMatch(said, /no server response|unknown/i, 'it was asked, and told no more than anybody')
  }
})

/** What the switch has taken of the processor, seconds. */
function cpuSeconds(world: World): number {
  const stat = readFileSync(`/proc/${world.child('switch').pid}/stat`, 'utf8')
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
  return (Number(user) + Number(system)) / 100
}

/** Runs one of its tools to its end, at most 30 s, in the world's directory, and answers with all that it printed. */
async function scan(world: World, tool: 'svmap' | 'svwar' | 'svcrack', ...args: string[]): Promise<string> {
  const patience = tool === 'svmap' ? [] : ['--maximumtime=2']
  const child = spawn(tool, [...patience, ...args], {
    cwd: world.directory,
    env: { ...process.env, HOME: world.directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => {
      said += bytes
    })
  }
  const enough = setTimeout(() => child.kill('SIGKILL'), 30_000)
  await new Promise((resolve) => child.once('close', resolve))
  clearTimeout(enough)
  return said
}
