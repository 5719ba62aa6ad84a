import { besideFlood } from '../test/call/beside-flood.ts'
import { narrowed } from '../test/call/narrow.ts'
import { OfficeWorld } from '../test/call/office-world.ts'
import { sleep } from '../test/peer/index.ts'
import { longestPauses, percentile } from '../test/world/flow.ts'
import type { Office } from '../test/world/index.ts'
import type { Figure } from './figure.ts'

/** What a provider's NAT remembers, and a silence that is longer (PITFALLS T05). */
const MEMORY_SECONDS = 30
const SILENCE_MS = 75_000
/** New keys come every 120 s (REKEY_AFTER_TIME): a call that is up for two of them (T07). */
const CALL_MS = 255_000
/** Around a moment at which a pause is looked for. */
const AROUND_MS = 2000
/** T11: requests a second, and datagrams of 1300 octets that make 1 Gbit/s. */
const FLOOD = { requests: 500, junk: 96_000, calls: 100 }

/** T03: ways that lose what is larger without a word, bytes. */
const PATHS = [1500, 1492, 1400, 1280]

/** A tunnel from the site's wg-quick to ours, in real time: its silence, its keys, its moves, and a neighbour's flood. */
export async function measure(): Promise<Figure[]> {
  return [...(await widths()), ...(await life())]
}

const figure = (name: string, value: number, unit: string, must: number | null = null): Figure => ({
  ...{ name: `tunnel: ${name}`, value, unit, must, aim: null, better: 'lower', peer: null },
})

/** Datagrams of 3 and 9 kB and 60 kB of TCP by ways of all widths. */
async function widths(): Promise<Figure[]> {
  await using scene = await OfficeWorld.open({ offices: ['acme'] })
  const figures: Figure[] = []
  for (const path of PATHS) {
    const lost = (await narrowed(scene, path)).filter((outcome) => outcome !== 'whole').length
    figures.push({ ...figure(`of four sizes lost by a way of ${path}`, lost, 'sizes', 0), broken: lost > 0 })
  }
  return figures
}

async function life(): Promise<Figure[]> {
  await using scene = await OfficeWorld.open({
    offices: ['acme', 'globex'],
    before: async (office) => (office.plan.name === 'acme' ? office.behindNat(MEMORY_SECONDS) : undefined),
  })
  const { world } = scene
  const acme = world.office('acme')

  await sleep(SILENCE_MS)
  const first = await scene.call(0)
  const { invitedAt, answeredAt } = await world.carrier.wait(first, 'up')
  await world.carrier.hangup(first)

  await Promise.all([world.capture(world.carrierSpace), world.capture(acme.machines.pbx)])
  const call = await scene.call(0)
  await world.carrier.wait(call, 'up')
  const rekeyed = await watchKeys(acme, CALL_MS)
  const roamed = Date.now()
  await move(acme, '203.0.113.31')
  await sleep(8000)
  const { phase } = await world.carrier.report(call)
  await world.carrier.hangup(call)
  await world.stopCaptures()
  const [carrier, pbx] = [world.captures.get('carrier')!, world.captures.get('acme-pbx')!]
  const pause = (at: number) => {
    const both = [
      longestPauses(carrier, pbx, at - AROUND_MS, at + AROUND_MS),
      longestPauses(pbx, carrier, at - AROUND_MS, at + AROUND_MS),
    ]
    return Math.max(...both.map(({ added }) => added))
  }
  const renewal = Math.max(...rekeyed.map(pause))
  const all = [longestPauses(carrier, pbx, 0, roamed), longestPauses(pbx, carrier, 0, roamed)]

  const { before, during, sent, floodMs, missing, longestPauseMs } = await besideFlood(scene, FLOOD)
  const [usual, beside] = [percentile(before, 0.99), percentile(during, 0.99)]
  return [
    {
      ...figure('first call after 75 s of silence, answered', (answeredAt ?? Number.NaN) - invitedAt, 'ms'),
      broken: answeredAt === null,
    },
    { ...figure('new keys during a call', rekeyed.length, 'times', 2), better: 'higher', broken: rekeyed.length < 2 },
    { ...figure('longest pause that new keys add', renewal, 'ms', 60), broken: renewal > AROUND_MS },
    figure('longest pause that the way adds in all of the call', Math.max(...all.map(({ added }) => added)), 'ms'),
    { ...figure('longest pause when the site moves', pause(roamed), 'ms', 2000), broken: phase !== 'up' },
    { ...figure('flood: junk through the tunnel', (sent.junk * 1300 * 8) / floodMs / 1000, 'Mbit/s'), better: 'higher' },
    figure('flood: set-up of a neighbour, p99, before', usual, 'ms'),
    figure('flood: set-up of a neighbour, p99, beside', beside, 'ms', Math.round(2 * usual)),
    {
      ...figure('flood: calls of a neighbour that failed', FLOOD.calls - during.length, 'calls', 0),
      broken: during.length < FLOOD.calls,
    },
    {
      ...figure('flood: packets of its sound that are missing', Math.max(...missing), 'packets', 0),
      broken: missing.some((n) => n > 0),
    },
    figure('flood: longest pause of its sound', Math.max(...longestPauseMs), 'ms'),
  ]
}

/** The moments of wall-clock time within `ms` at which the site has got new keys. */
async function watchKeys(office: Office, ms: number): Promise<number[]> {
  const handshake = async () =>
    Number((await office.router.run(['wg', 'show', office.tunnel, 'latest-handshakes'])).split('\t')[1])
  const moments: number[] = []
  let last = await handshake()
  const end = performance.now() + ms
  while (performance.now() < end) {
    await sleep(500)
    const now = await handshake()
    if (now !== last) moments.push(Date.now())
    last = now
  }
  return moments
}

/** The provider gives the office another public address. */
async function move(office: Office, address: string): Promise<void> {
  const { publicAddress } = office.plan
  const provider = office.provider!
  await provider.ip(`addr del ${publicAddress}/24 dev public`, `addr add ${address}/24 dev public`)
}

if (import.meta.main) for (const figure of await measure()) process.stdout.write(`${JSON.stringify(figure)}\n`)
