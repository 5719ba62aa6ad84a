import type { TrunkConfig } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { type Dns, type Records, startDns } from '../peer/dns.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import type { OutgoingCall } from '../peer/sip/outgoing.ts'
import { DID, World, type WorldOptions } from './harness.ts'

export const NAME = 'carrier.example'
export const CALLER = '+32470123456'

/** A world whose name server answers by a test's records; the trunk `other`, which calls go out on, is known by a name. */
export class NamesWorld implements AsyncDisposable {
  readonly world: World
  readonly dns: Dns

  private constructor(world: World, dns: Dns) {
    this.world = world
    this.dns = dns
    // The trunk whose name is asked for is not one of those with an address.
    world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  }

  static async open(options: WorldOptions = {}): Promise<NamesWorld> {
    const world = await World.open(options)
    try {
      const dns = await startDns(`${world.net}.53`, {})
      world.defer(() => dns[Symbol.dispose]())
      return new NamesWorld(world, dns)
    } catch (error) {
      await world[Symbol.asyncDispose]()
      throw error
    }
  }

  address(last: number): string {
    return `${this.world.net}.${last}`
  }

  /** Another carrier's server, which answers. */
  async server(last: number): Promise<FarEnd> {
    const end = await FarEnd.open({ address: this.address(last), port: 5060, name: `server${last}`, watched: [] })
    this.world.defer(() => end.close())
    end.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
    return end
  }

  /** SRV records of the name by UDP, in this order of priority unless said, with an address for each target. */
  srv(
    targets: { last: number; priority?: number; weight?: number; port?: number }[],
    more: Records = {},
    service = '_sip._udp',
  ): void {
    this.dns.records[`${service}.${NAME}`] = {
      ...more,
      SRV: targets.map(({ last, priority, weight = 1, port = 5060 }, i) => ({
        ...{ priority: priority ?? i, weight, port },
        target: `s${last}.${NAME}`,
      })),
    }
    for (const { last } of targets) this.dns.records[`s${last}.${NAME}`] = { ...more, A: [this.address(last)] }
  }

  /** Makes the trunk known by its name; waits until something is known of where it is, unless told not to. */
  async name(
    change: Partial<TrunkConfig> = {},
    gateway: Partial<TrunkConfig['gateways'][number]> = {},
    wait = true,
  ): Promise<void> {
    const { world } = this
    const gateways = [{ address: NAME, ...gateway }]
    await world.changeTrunk('other', { gateways, ...change })
    if (wait) await until('its servers', async () => (await this.state()).names[0]?.state === 'located', 5000)
  }

  async state() {
    const { id } = this.world.snapshot.trunks.find((trunk) => trunk.name === 'other')!
    return (await this.world.link.call('trunk.state', {})).find((state) => state.trunk === id)!
  }

  place(): Promise<OutgoingCall> {
    return this.world.carrier.place({ to: this.world.node, from: CALLER, number: DID })
  }

  /** A call that is up, and the ms that it took. */
  async up(timeoutMs = 5000): Promise<{ call: OutgoingCall; ms: number }> {
    const begun = performance.now()
    const call = await this.place()
    await until('an answer', () => call.phase !== 'setup', timeoutMs)
    if (call.phase !== 'up') throw new Error(`the call was refused with ${call.report().final?.status}`)
    return { call, ms: performance.now() - begun }
  }

  /** The status that a call is refused with. */
  async refused(timeoutMs = 8000): Promise<number | undefined> {
    const call = await this.place()
    await until('a refusal', () => call.phase === 'ended', timeoutMs)
    return call.report().final?.status
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]()
  }
}
