import type { CallReport, Customer } from '../test/peer/index.ts'
import { OFFICE, type Office, Platform, PUBLIC, World } from '../test/world/index.ts'
import type { Story, Who } from './story.ts'

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
    { phone: known(i), name: `Customer ${i}`, owner: '101' },
    { phone: patient(i), name: `Patient ${i}`, owner: '109' },
  ])
  return [{ phone: NUMBERS.ann, name: 'Ann', owner: '101' }, ...many.flat()]
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

  /** Makes the world, starts the platform, installs both offices, connects their routers and deploys their agents. */
  static async open(story: Story): Promise<Stage> {
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
    story.tell('demo', `world ${world.id}: a carrier, a node, and two offices that both are ${OFFICE.network}`)
    const platform = guard.use(await Platform.start(world))
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
  }
}

/** What was heard in the last `ms` before now, without the first 100 ms, which may hold the end of what was before. */
export function lately(report: CallReport, since: number): Set<unknown> {
  return new Set(report.media?.heard.filter((h) => h.at > since + 100).map((h) => h.what))
}
