import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleep, until } from '../peer/index.ts'
import { must, Platform, type World } from '../world/index.ts'
import { groupsOf } from '../world/sweep.ts'

/** Installs and removals that are under way at once, and how many subscribers take turns. */
const AT_ONCE = 3
const NAMES = Array.from({ length: 8 }, (_, i) => `turn${i}`)
/** The latest moment of a kill, after the API has answered. */
const LATEST_MS = 1500

/** A sequence of numbers below 1 that is the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

export interface Killed {
  /** Orders that had been answered, and such that a kill came before. */
  answered: number
  cut: number
  /** What was found too much or missing after a start; empty. */
  wrong: string[]
}

/**
 * Installs and removes subscribers without pause, and kills host `times` at moments of chance; after each start the node
 * must have exactly what the API says.
 */
export async function killed(
  world: World,
  times: number,
  seed: number,
  told: (line: string) => void = () => {},
): Promise<Killed> {
  const random = randomOf(seed)
  const result: Killed = { answered: 0, cut: 0, wrong: [] }
  for (let i = 0; i <= times; i++) {
    await using platform = await Platform.start(world)
    const wrong = await compared(world, platform)
    result.wrong.push(...wrong.map((line) => `after ${i} kills: ${line}`))
    told(`${i} of ${times} kills, ${result.answered} orders answered, ${result.cut} cut, ${wrong.length} wrong`)
    if (i === times || wrong.length) break
    const over = new AbortController()
    const churning = Array.from({ length: AT_ONCE }, (_, lane) => churn(platform, lane, random, over.signal, result))
    await sleep(100 + random() * LATEST_MS)
    over.abort()
    await platform.kill()
    await Promise.all(churning)
  }
  return result
}

/** Each lane has names of its own, so that an order fails for no other reason than a kill. */
async function churn(platform: Platform, lane: number, random: () => number, over: AbortSignal, result: Killed): Promise<void> {
  const own = NAMES.filter((_, i) => i % AT_ONCE === lane)
  while (!over.aborted) {
    const i = NAMES.indexOf(own[Math.floor(random() * own.length)]!)
    try {
      const there = (await subscribers(platform)).some(({ name }) => name === NAMES[i])
      if (there) await platform.api('DELETE', `/v1/subscribers/${NAMES[i]}`)
      else await platform.api('POST', '/v1/subscribers', orderOf(i))
      result.answered++
    } catch {
      result.cut++
      return
    }
  }
}

function orderOf(i: number): object {
  const site = { networks: ['192.168.1.0/24'], pbx: { host: '192.168.1.10', number: `+32255503${i}0` } }
  return { name: NAMES[i], numbers: [`+32255503${i}1`], site, defaultRoute: { pbx: '100' } }
}

async function subscribers(platform: Platform): Promise<{ name: string; state: string; slot: number }[]> {
  return (await platform.api<{ items: { name: string; state: string; slot: number }[] }>('GET', '/v1/subscribers?limit=100'))
    .items
}

/** What of the instance there is on the machine that no subscriber accounts for, and what is missing. */
async function compared(world: World, platform: Platform): Promise<string[]> {
  const { id } = world
  let names: string[] = []
  const settled = async () => {
    const all = await subscribers(platform)
    names = all.map(({ name }) => name).sort()
    return all.every(({ state }) => state === 'active')
  }
  const stands = async () => {
    const { items } = await platform.api<{ items: { state: string }[] }>('GET', '/v1/channels')
    return items.length === names.length && items.every(({ state }) => state !== 'down')
  }
  await until('what was left half done to be over', async () => (await settled()) && (await stands()), 30_000, 50)
  const wrong: string[] = []
  const same = (what: string, found: string[], wanted: string[]) => {
    const [have, want] = [found.toSorted().join(' '), wanted.toSorted().join(' ')]
    if (have !== want) wrong.push(`${what}: ${have || 'nothing'}; wanted: ${want || 'nothing'}`)
  }
  same(
    'namespaces',
    readdirSync('/run/netns').filter((name) => name.startsWith(`tl${id}-`)),
    names.map((name) => `tl${id}-${name}`),
  )
  const links: { ifname: string; link_type: string }[] = JSON.parse(await world.node.run(['ip', '-j', 'link', 'show']))
  same(
    'interfaces of the node',
    links.map(({ ifname }) => ifname),
    ['lo', 'eth0'],
  )
  for (const name of names) {
    const inside: { ifname: string }[] = JSON.parse(
      await must(['nsenter', `--net=/run/netns/tl${id}-${name}`, '--', 'ip', '-j', 'link', 'show']),
    )
    if (inside.length !== 2 || !inside.some(({ ifname }) => ifname.startsWith(`tl${id}w`)))
      wrong.push(`${name} has ${inside.map(({ ifname }) => ifname)}`)
  }
  const processes = groupsOf(id)
    .flatMap((group) => lines(join(group, 'cgroup.procs')))
    .map((pid) => ({ pid, command: commandOf(pid) }))
  const tunnels = processes.filter(({ command }) => command.startsWith('wireguard-go'))
  if (tunnels.length !== names.length) wrong.push(`${tunnels.length} tunnels of ${names.length} subscribers`)
  const strangers = processes.filter(({ pid }) => pid !== String(platform.pid) && !descends(pid, platform.pid))
  same(
    'processes of nobody',
    strangers.map(({ command }) => command),
    [],
  )
  const state = join(world.directory, 'state')
  const sockets = files(join(state, 'run', 'tunnels'))
  if (sockets.length !== names.length) wrong.push(`${sockets.length} control sockets: ${sockets}`)
  same(
    'mounts',
    (await must(['findmnt', '-rno', 'TARGET'])).split('\n').filter((path) => path.startsWith(state)),
    [],
  )
  return wrong
}

function lines(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []
}

function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}

function descends(pid: string, from: number): boolean {
  try {
    const parent = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[1]!
    return Number(parent) === from || (parent !== '1' && parent !== '0' && descends(parent, from))
  } catch {
    return true // it has ended meanwhile
  }
}
