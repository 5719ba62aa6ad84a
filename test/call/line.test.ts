import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { sleep, until } from '../peer/index.ts'
import { percentile } from '../world/flow.ts'
import type { Office } from '../world/index.ts'
import { besideFlood } from './beside-flood.ts'
import { OfficeWorld } from './office-world.ts'

/** A provider's NAT forgets after 30 s, a site speaks every 25 s and asks for the platform's name every 60 s: all faster. */
const MEMORY_SECONDS = 2
const KEEPALIVE_SECONDS = 1
const HURRY = 30

/** What sites are told to connect to, and where that is: addresses of the node beside its own. */
const NAME = 'tieline.example.net'
const [FIRST, SECOND] = ['203.0.113.3', '203.0.113.4']

describe('two offices that know the platform by name, one behind the NAT of its provider', () => {
  let scene: OfficeWorld
  let hosts: string
  before(async () => {
    scene = await OfficeWorld.open({
      offices: ['acme', 'globex'],
      settings: { channel: { endpoint: NAME, ports: { first: 51820, last: 51899 } } as never },
      async before(office, { node, directory }) {
        if (office.plan.name !== 'acme') return
        hosts = join(directory, 'hosts')
        writeFileSync(hosts, `${FIRST} ${NAME}\n`)
        await node.ip(`addr add ${FIRST}/24 dev eth0`)
        await office.behindNat(MEMORY_SECONDS)
      },
      async connect(office, siteFile) {
        const faster = (text: string, from: string, to: string) => {
          assert.ok(text.includes(from), from)
          return text.replace(from, to)
        }
        const spoken = faster(siteFile, 'PersistentKeepalive = 25', `PersistentKeepalive = ${KEEPALIVE_SECONDS}`)
        await office.connect(faster(spoken, 'sleep 60', `sleep ${60 / HURRY}`), [{ from: hosts, to: '/etc/hosts' }])
      },
    })
  })
  after(async () => {
    const left = await scene.platform.stop()
    await scene[Symbol.asyncDispose]()
    assert.deepEqual([...left, ...scene.world.left()], [])
  })

  /** Whether the telephone of the office answers a call, and over the channel. */
  async function answers(): Promise<boolean> {
    const { carrier } = scene.world
    const call = await scene.call(0)
    const { phase } = await carrier.wait(call, 'up')
    await carrier.hangup(call)
    return phase === 'up'
  }

  async function keepalive(office: Office, seconds: number | 'off'): Promise<void> {
    const key = (await office.router.run(['wg', 'show', office.tunnel, 'peers'])).trim()
    await office.router.run(['wg', 'set', office.tunnel, 'peer', key, 'persistent-keepalive', String(seconds)])
  }

  test('T05 after a silence that is longer than the NAT remembers, the first call reaches the PBX', async () => {
    await sleep(2 * MEMORY_SECONDS * 1000)
    assert.ok(await answers())
    // That it is the site's keepalive which does it: without, the way is closed.
    const office = scene.world.office('acme')
    await keepalive(office, 'off')
    await sleep(MEMORY_SECONDS * 1000 + 1500)
    assert.ok(!(await answers()))
    await keepalive(office, KEEPALIVE_SECONDS)
    await until('the way to be open again', answers, 5000)
  })

  test('T11 beside a flood through the tunnel of one office the other’s calls are set up as ever, and nothing of its sound is lost', async () => {
    const { before, during, sent, missing } = await besideFlood(scene, { requests: 50, junk: 1000, calls: 12 })
    assert.ok(sent.requests > 20 && sent.junk > 400, JSON.stringify(sent))
    assert.deepEqual([before.length, during.length], [12, 12], 'all are answered')
    assert.deepEqual(missing, [0, 0])
    const [usual, beside] = [percentile(before, 0.5), percentile(during, 0.5)]
    assert.ok(beside < 3 * usual + 30, `${beside} ms beside ${usual} ms before`)
  })

  test('T04 a platform whose name gets another address is found there by the site’s file, with nothing restarted', async () => {
    const { node } = scene.world
    await node.ip(`addr add ${SECOND}/24 dev eth0`, `addr del ${FIRST}/24 dev eth0`)
    await sleep((1.5 * 60_000) / HURRY)
    assert.ok(!(await answers()), 'nothing but the name leads to the new address')
    writeFileSync(hosts, `${SECOND} ${NAME}\n`)
    const moved = performance.now()
    await until('a call to be answered', answers, 20_000)
    // 180 s, as fast as all here is.
    assert.ok(performance.now() - moved < 180_000 / HURRY)
  })
})
