import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { explain } from '#platform/cti/index.ts'
import type { PlatformEvent } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { dial, ENDINGS, type Ending, Scene } from './endings.ts'
import { DID, World } from './harness.ts'
import { Program } from './program.ts'

let world: World
const scenes = new Map<string, { ending: Ending; scene: Scene }>()

before(async () => {
  world = await World.open({ voice: true })
  world.pbx.rules.push({ user: '2999', does: 'answer', ringMs: 5 }, { user: '2998', does: 486 })
  await Program.connect(world, async (call) => {
    const known = scenes.get(call.offered.from.number)
    if (!known) return
    known.scene.id ??= call.offered.call
    await (known.ending.agent ?? (async (one, scene) => void (await dial(one, scene))))(call, known.scene)
  })
  await world.change({ agent: { ...world.snapshot.subscribers[0]!.agent, decisionDeadlineMs: 20_000 } })
})
after(() => world[Symbol.asyncDispose]())

async function stage(ending: Ending, index: number): Promise<Scene> {
  const scene = new Scene(world, index)
  scenes.set(scene.number, { ending, scene })
  world.pbx.rules.push({ user: scene.extension, does: 'answer', ringMs: 5, ...ending.does })
  scene.caller = await world.carrier.place({ to: world.node, from: scene.number, number: DID, ...ending.place })
  await ending.act?.(scene)
  return scene
}

test('C07 R04 O04 R08 every end of a call: one last event for each leg, behind it the call’s, no lease left, one usage a lease, and its own explanation', async () => {
  const played: Scene[] = []
  for (let i = 0; i < ENDINGS.length; i += 8) {
    const batch = ENDINGS.slice(i, i + 8).map((ending, k) => stage(ending, i + k))
    const there = await Promise.all(batch)
    for (const [k, scene] of there.entries()) {
      const { name } = ENDINGS[i + k]!
      const gone = async () => (await world.link.call('call.list', {})).every((c) => c.from.number !== scene.number)
      await until(`the end of “${name}”`, gone, 10_000)
    }
    played.push(...there)
  }
  await world.quiet()
  const events = await world.events()
  const explanations = new Map<string, string>()
  for (const [i, scene] of played.entries()) check(ENDINGS[i]!, scene, events, explanations)
  assert.ok(ENDINGS.length >= 40, `${ENDINGS.length} endings`)
  const records = await world.records()
  const taken = records.flatMap((r) => (r.type === 'lease.taken' ? [r.lease.id] : []))
  const released = records.flatMap((r) => (r.type === 'lease.released' ? [r.lease.id] : []))
  assert.deepEqual(released.sort(), taken.sort(), 'one usage record for each lease')
})

function check(
  { name, call, legs = [] }: Ending,
  { number, id }: Scene,
  events: PlatformEvent[],
  seen: Map<string, string>,
): void {
  const offered = events.find((e) => e.type === 'call.offered' && (e.data.from as { number: string }).number === number)
  assert.ok(offered && (!id || offered.call === id), name)
  const own = events.filter((e) => e.call === offered.call)
  const said = (e: PlatformEvent) => `${e.cause?.by} ${e.cause?.reason}`
  const ends = own.filter(({ type }) => type === 'leg.cleared' || type === 'leg.failed')
  const begun = own.filter(({ type }) => type === 'leg.originated').map(({ leg }) => leg)
  const left = own
    .filter(({ type, leg, data }) => type === 'leg.transferred' && data.why !== undefined && leg)
    .map(({ leg }) => leg)
  const expected = [offered.leg, ...begun].filter((leg) => !left.includes(leg))
  assert.deepEqual(ends.map(({ leg }) => leg).sort(), expected.sort(), `${name}: one last event for each leg`)
  const last = own.at(-1)!
  assert.deepEqual([last.type, said(last)], ['call.cleared', call], name)
  assert.deepEqual(ends.filter(({ leg }) => leg !== offered.leg).map(said), legs, name)
  const explained = explain(own, 'operator')!
  const steps = explained.steps
    .filter(({ type }) => !/verb.ended|digits|media/.test(type))
    .map(({ type, text }) => `${type} ${text.replace(/\bmedia .* sent\b/, '')}`)
  const plain = [explained.summary, ...steps].join('\n').replace(/(leg|call|verb)_[\w-]+|[+*]?\d{4,}/g, '')
  assert.equal(seen.get(plain), undefined, `${name} is told like ${seen.get(plain)}`)
  seen.set(plain, name)
}
