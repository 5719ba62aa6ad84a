import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Customer, until } from '../test/peer/index.ts'
import { OFFICE, type Office, Platform, PUBLIC, World } from '../test/world/index.ts'
import { bundle } from './bundle.ts'
import type { Story, Who } from './story.ts'

/** The program that both offices run. */
const RECEPTION = 'examples/reception'

/** By which both offices are billed. */
export const PLAN = 'demo'

/** A plan as the API tells it. */
interface KeptPlan {
  rates: object[]
  free: string[]
  unpriced: string[]
}

/** Hz. Each end of every call has a tone of its own, so that who hears what is never in doubt. */
export const TONES = {
  callerA: 400,
  callerB: 500,
  acmePbx: 700,
  globexPbx: 900,
  acmeLine: 1100,
  globexLine: 1300,
  emergency: 1500,
  extension: 600,
} as const

/** The numbers of the demonstration: from a range that is kept free for fiction. */
export const NUMBERS = {
  acme: '+3225550101',
  globex: '+3225550201',
  /** The offices' own lines, by which the PBX is reached through the public network. */
  acmeLine: '+3225550190',
  globexLine: '+3225550290',
  emergency: '112',
  /** A caller whom both offices know. */
  ann: '+32470555001',
  unknown: '+32499555001',
} as const

/** Known callers that scenes with many calls use, one each: `known(7)`. */
export function known(index: number): string {
  return `+324705551${String(index).padStart(2, '0')}`
}

/** Callers whose extension rings for ever. */
export function patient(index: number): string {
  return `+324705552${String(index).padStart(2, '0')}`
}

function customers(): Customer[] {
  const many = Array.from({ length: 40 }, (_, i) => [
    { phone: known(i), name: `Customer ${i}`, extension: '101' },
    { phone: patient(i), name: `Patient ${i}`, extension: '109' },
  ])
  return [{ phone: NUMBERS.ann, name: 'Ann', extension: '101' }, ...many.flat()]
}

/** The world with the platform running and both offices installed: where every scene plays. */
export class Stage implements AsyncDisposable {
  readonly world: World
  readonly platform: Platform
  readonly story: Story

  private constructor(world: World, platform: Platform, story: Story) {
    this.world = world
    this.platform = platform
    this.story = story
  }

  /** `onWorld` is told of the world as soon as it is there. Makes the world, starts the platform, installs both offices, connects their routers and deploys their agents. */
  static async open(story: Story, onWorld: (world: World) => void = () => {}): Promise<Stage> {
    await using guard = new AsyncDisposableStack()
    story.tell('demo', 'makes a world of network namespaces')
    const world = guard.use(
      await World.open({
        watched: Object.values(TONES),
        offices: [
          { name: 'acme', publicAddress: '203.0.113.21', tone: TONES.acmePbx, customers: customers() },
          { name: 'globex', publicAddress: '203.0.113.22', tone: TONES.globexPbx, customers: customers() },
        ],
      }),
    )
    onWorld(world)
    story.tell('demo', `world ${world.id}: a carrier, a node, and two offices that both are ${OFFICE.network}`)
    const [platform] = await Promise.all([Platform.start(world), world.populate()])
    guard.use(platform)
    story.tell('platform', 'is up', 'tieline up')
    const stage = new Stage(world, platform, story)
    await stage.#furnish()
    guard.move()
    return stage
  }

  get carrier() {
    return this.world.carrier
  }

  office(name: string): Office {
    return this.world.office(name)
  }

  /** A call from the public network to the platform. */
  async call(from: string, number: string, tone: number, more: object = {}): Promise<string> {
    return this.carrier.place({ to: { address: PUBLIC.node, port: 5060 }, from, number, tone, ...more })
  }

  tell(who: Who, what: string, why = ''): void {
    this.story.tell(who, what, why)
  }

  /** What a person needs to understand a scene that failed: the newest events, the agents' logs, the platform's log. */
  async diagnosis(): Promise<string> {
    const parts: string[] = []
    for (const name of ['acme', 'globex']) {
      const events = await this.platform.events(name).catch(() => [])
      const { lines } = await this.platform
        .api<{ lines: string[] }>('GET', `/v1/subscribers/${name}/agent/logs?lines=10`)
        .catch(() => ({ lines: [] }))
      parts.push(
        `Newest events of ${name}:`,
        ...events.slice(-14).map(({ id: _, subscriber: __, ...event }) => JSON.stringify(event)),
      )
      parts.push(`Log of ${name}'s agent:`, ...lines)
    }
    const last = (await this.carrier.list().catch(() => [])).at(-1)
    parts.push('Newest call of the carrier:', JSON.stringify(last), "The platform's log:", this.platform.tail(12))
    return parts.join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.platform[Symbol.asyncDispose]()
    await this.world[Symbol.asyncDispose]()
  }

  async #furnish(): Promise<void> {
    await this.carrier.rules([
      { user: NUMBERS.acmeLine, does: 'answer', tone: TONES.acmeLine },
      { user: NUMBERS.globexLine, does: 'answer', tone: TONES.globexLine },
      { user: NUMBERS.emergency, does: 'answer', tone: TONES.emergency },
    ])
    await this.platform.cli('trunk', 'add', 'carrier', '--gateway', `${PUBLIC.carrier}:5060`)
    await this.platform.api('PUT', '/v1/emergency-numbers', { numbers: [NUMBERS.emergency] })
    await this.#plan()
    this.tell('operator', 'tieline trunk add carrier', `the carrier is known by its address, ${PUBLIC.carrier}`)
    await Promise.all([
      this.#install('acme', NUMBERS.acme, NUMBERS.acmeLine),
      this.#install('globex', NUMBERS.globex, NUMBERS.globexLine),
    ])
  }

  /** The standard plan, but that memory has a price, so that the bills show how it is held, too. */
  async #plan(): Promise<void> {
    const { unpriced: _, ...standard } = await this.platform.api<KeptPlan>('GET', '/v1/plans/standard')
    const memory = {
      ...{ kind: 'agent.memory', prefix: '', title: 'Memory of the agent', unit: 'mebibyte-hour', per: 1000 },
      ...{ increments: { first: 1, next: 1 }, setUpFee: '0', included: 0, tiers: [{ upTo: null, price: '0.02' }] },
    }
    const free = standard.free.filter((kind) => kind !== memory.kind)
    await this.platform.api('POST', '/v1/plans', { ...standard, name: PLAN, free, rates: [...standard.rates, memory] })
  }

  /** One office: its subscriber, its end of the tunnel, its agent. */
  async #install(name: string, number: string, line: string): Promise<void> {
    const { platform, world } = this
    const order = [
      ...['--plan', PLAN, '--number', number, '--site-network', OFFICE.network],
      ...['--pbx', 'pbx.office.lan', '--pbx-number', line, '--dns', OFFICE.dns, '--search', 'office.lan'],
      ...['--default-route', 'pbx:101', '--emergency-caller-id', number],
    ]
    const { siteFile } = await platform.cli<{ siteFile: string }>('subscriber', 'install', name, ...order)
    this.tell('operator', `tieline subscriber install ${name} --number ${number} …`, 'prints the file for its router')
    await platform.captureAll()
    await this.office(name).connect(siteFile)
    const up = async () => (await platform.api<{ state: string }>('GET', `/v1/subscribers/${name}/channel`)).state === 'up'
    await until('the tunnel to be up', up, 30_000, 50)
    this.tell(name as Who, 'its router does wg-quick up with that file: the tunnel is up')
    const folder = bundle(RECEPTION, join(world.directory, `agent-${name}`))
    const config = join(folder, 'config.js')
    writeFileSync(config, readFileSync(config, 'utf8').replace("'Acme'", `'${name}'`))
    await platform.cli('agent', 'deploy', name, folder, '--wait')
    this.tell('agent', `${name}: its program runs in its sandbox`, `tieline agent deploy ${name} ${RECEPTION}`)
  }
}
