import type { PlatformConfig } from '#platform/words/index.ts'
import { SipPeer, until } from '../peer/index.ts'
import { OFFICE, type Office, Platform, PUBLIC, World } from '../world/index.ts'

/** Hz: of callers, and of the telephone 101 of each office in turn. */
export const TONES = { caller: 400, offices: [700, 900] } as const
export const CALLER = '+32470123456'
export const numberOf = (office: number) => `+322555020${office}`

export interface Plan {
  /** Names of the offices. */
  offices: string[]
  settings?: Partial<PlatformConfig>
  /** What is done to an office before its tunnel. */
  before?(office: Office, world: World): Promise<unknown>
  /** Further options of each `tieline subscriber install`. */
  install?: string[]
  /** What a site does with the file that it was given; by default what the file says. */
  connect?(office: Office, siteFile: string): Promise<void>
}

export interface Installed {
  siteFile: string
  apiKey: string
  telephones: { name: string; password: string }[]
}

interface Trace {
  entries: { kind: string; message?: string; realm?: string }[]
}

/** The real platform and offices that run no program: calls go to the telephone 101 behind each PBX. */
export class OfficeWorld implements AsyncDisposable {
  readonly world: World
  readonly platform: Platform
  /** What the operator was told once, by the office's name. */
  readonly installed = new Map<string, Installed>()

  private constructor(world: World, platform: Platform) {
    this.world = world
    this.platform = platform
  }

  static async open(plan: Plan): Promise<OfficeWorld> {
    await using guard = new AsyncDisposableStack()
    const offices = plan.offices.map((name, i) => ({
      ...{ name, publicAddress: `203.0.113.2${i + 1}`, tone: TONES.offices[i]!, customers: [] },
    }))
    const watched = [TONES.caller, ...TONES.offices]
    const world = guard.use(await World.open({ offices, watched, captures: false }))
    const populate = async () => {
      world.carrier = await SipPeer.start('carrier', PUBLIC.carrier, world.carrierSpace.enter, watched)
      await Promise.all(world.offices.map((office) => office.openPbx(watched)))
      for (const office of world.offices) await plan.before?.(office, world)
    }
    const [platform] = await Promise.all([Platform.start(world, plan.settings), populate()])
    guard.use(platform)
    const made = new OfficeWorld(world, platform)
    await platform.cli('trunk', 'add', 'carrier', '--gateway', `${PUBLIC.carrier}:5060`)
    await Promise.all(world.offices.map((office, i) => made.#install(office, numberOf(i), plan)))
    guard.move()
    return made
  }

  /** A call from the public network to an office. */
  call(office: number): Promise<string> {
    return this.world.carrier.place({
      ...{ to: { address: PUBLIC.node, port: 5060 }, from: CALLER, number: numberOf(office), tone: TONES.caller },
    })
  }

  /** The SIP messages of an office's call on the side of its channel, oldest first. */
  async inside(name: string): Promise<string[]> {
    const [call] = await this.platform.calls(name)
    const { entries } = await this.platform.api<Trace>('GET', `/v1/calls/${call!.id}/trace`)
    return entries.flatMap(({ kind, realm, message }) => (kind === 'sip' && realm !== 'node' ? [message!] : []))
  }

  async stateOf(name: string): Promise<string> {
    return (await this.platform.api<{ state: string }>('GET', `/v1/subscribers/${name}/channel`)).state
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.platform[Symbol.asyncDispose]()
    await this.world[Symbol.asyncDispose]()
  }

  async #install(office: Office, number: string, { connect, install = [] }: Plan): Promise<void> {
    const { name } = office.plan
    const order = ['--number', number, '--site-network', OFFICE.network, '--pbx', OFFICE.pbx, '--default-route', 'pbx:101']
    const told = await this.platform.cli<Installed>('subscriber', 'install', name, ...order, ...install)
    this.installed.set(name, told)
    const { siteFile } = told
    await (connect ? connect(office, siteFile) : office.connect(siteFile))
    await until(`the tunnel of ${name}`, async () => (await this.stateOf(name)) === 'up', 30_000, 50)
  }
}
