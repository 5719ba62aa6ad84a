import assert from 'node:assert/strict'
import type { PbxConfig } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { type Dns, startDns } from '../peer/dns.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import type { Message } from '../peer/sip/message.ts'
import { DID, PUBLIC, World } from './harness.ts'

/** The name of the site's PBX. */
export const NAME = 'pbx.office.lan'

/** A world whose site has a DNS of its own, which answers by a test's records; the node's is never to be asked for a name of the site. */
export class SiteNamesWorld implements AsyncDisposable {
  readonly world: World
  readonly dns: Dns
  readonly nodeDns: Dns

  private constructor(world: World, dns: Dns, nodeDns: Dns) {
    this.world = world
    this.dns = dns
    this.nodeDns = nodeDns
    world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  }

  static async open(): Promise<SiteNamesWorld> {
    const world = await World.open({ voice: true, subscriber: { defaultRoute: { pbx: '101' } } })
    try {
      const dns = await startDns(`${world.net}.75`, {})
      world.defer(() => dns[Symbol.dispose]())
      const nodeDns = await startDns(`${world.net}.53`, { [NAME]: `${world.net}.74` })
      world.defer(() => nodeDns[Symbol.dispose]())
      return new SiteNamesWorld(world, dns, nodeDns)
    } catch (error) {
      await world[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Nothing is known of any name, and nobody has asked. */
  forget(): void {
    this.dns.mood = {}
    this.dns.questions.length = 0
    for (const name of Object.keys(this.dns.records)) delete this.dns.records[name]
  }

  at(last: number): string {
    return `${this.world.net}.${last}`
  }

  /** A PBX of the site, until it is killed. */
  async server(last: number): Promise<FarEnd & AsyncDisposable & { invites: Message[] }> {
    const end = await FarEnd.open({ address: this.at(last), port: 5060, name: `pbx${last}`, watched: [] })
    end.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
    const invites = end.requests('INVITE')
    return Object.assign(end, { invites, [Symbol.asyncDispose]: async () => void (await end.close()) })
  }

  /** SRV records of the name, in this order of priority, with an address for each target. */
  srv(targets: number[], service = '_sip._udp', port = 5060, ttl = 30): void {
    const records = targets.map((last, priority) => ({ priority, weight: 1, port, target: `s${last}.office.lan` }))
    this.dns.records[`${service}.${NAME}`] = { SRV: records, ttl }
    for (const last of targets) this.dns.records[`s${last}.office.lan`] = { A: [this.at(last)], ttl }
  }

  /** Publishes where the PBX is. Another server at first, so that nothing is known of any name. */
  async pbx(config: PbxConfig): Promise<void> {
    const { channel } = this.world.snapshot.subscribers[0]!
    await this.world.change({ channel: { ...channel, dns: null } })
    const site = { ...this.world.snapshot.subscribers[0]!.site, pbx: { number: PUBLIC, ...config } }
    await this.world.change({ channel: { ...channel, dns: { servers: [this.at(75)], search: 'office.lan' } }, site })
  }

  /** A call from outside for the PBX: how it ended and after how many ms. */
  async call(): Promise<number> {
    const begun = performance.now()
    const placed = await this.world.second.place({ to: this.world.node, from: '+32470123456', number: DID })
    await until('an answer', () => placed.phase !== 'setup', 8000)
    const took = performance.now() - begun
    assert.equal(placed.phase, 'up')
    placed.hangup()
    await this.world.quiet()
    return took
  }

  /** Why the last road was not taken. */
  async why(): Promise<unknown> {
    return (await this.world.events()).findLast(({ type }) => type === 'leg.diverted')?.data.why
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.world[Symbol.asyncDispose]()
  }
}
