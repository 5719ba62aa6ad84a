import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { silentLog } from '#lib/index.ts'
import type { ChannelConfig, Snapshot } from '#platform/words/index.ts'
import { Store } from '#store/index.ts'
import { type Bench, installed, startBench } from './bench.ts'

let bench: Bench
before(async () => {
  bench = await startBench()
})
after(() => bench?.[Symbol.asyncDispose]())

test('a subscriber that had networks of IPv6 before channels had IPv6 has its ends at the next start, one without has none', async () => {
  const acme = await installed(bench, 'acme', '+3225550101')
  const globex = await installed(bench, 'globex', '+3225550102')
  {
    await using store = new Store({ databaseUrl: bench.postgres.url, log: silentLog })
    // As the release before has stored it.
    await sql`update channel set site_networks = site_networks || '{fd12:3456::/64}', mtu = 1200
      where subscriber_id = (select id from subscriber where name = 'acme')`.execute(store.db)
  }
  await bench.restart()
  const { channel } = bench.config
  const ends = async (name: string) =>
    (await bench.api<{ channel: ChannelConfig }>('GET', `/v1/subscribers/${name}`)).body.channel
  assert.deepEqual((await ends('acme')).ipv6, channel.ipv6)
  assert.equal((await ends('globex')).ipv6, null)
  const whole = bench.fakes.published.host.at(-1) as Snapshot
  const published = (id: string) => whole.subscribers.find((one) => one.id === id)!.channel
  assert.deepEqual([published(acme.subscriber.id).ipv6, published(acme.subscriber.id).mtu], [channel.ipv6, 1280])
  assert.equal(published(globex.subscriber.id).ipv6, undefined)
  // And once only: what has changed by then stays.
  channel.ipv6 = { address: 'fd00:78::1', peerAddress: 'fd00:78::2' }
  await bench.restart()
  assert.notDeepEqual((await ends('acme')).ipv6, channel.ipv6)
})
