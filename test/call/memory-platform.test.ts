import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatMicros, type Invoice, type Plan, rate, standardPlan } from '#platform/billing/index.ts'
import type { LeaseView, Refusal, UsageRecord } from '#platform/words/index.ts'
import { bundle } from '../../demo/bundle.ts'
import { until } from '../peer/index.ts'
import { Platform, World } from '../world/index.ts'

const plan: Plan = {
  ...{ ...standardPlan, name: 'metered', recurring: [], free: ['voice.seat', 'voice.port'] },
  rates: [
    ...standardPlan.rates,
    {
      ...standardPlan.rates[0]!,
      ...{ kind: 'agent.memory', title: 'Memory of the agent', unit: 'mebibyte-hour', per: 1 },
      tiers: [{ upTo: null, price: '1.00' }],
    },
  ],
}
const PROGRAM = `import { agent } from '@tieline/agent'\nexport default agent({ call: (call) => call.reject({ status: 480 }) })\n`

/** One that overlaps with none, and leaves no more than `ms` to the one before it. */
function assertFollows(usage: readonly UsageRecord[], ms: number): void {
  for (const [i, { takenAt }] of usage.entries()) {
    const before = usage[i - 1]
    if (!before) continue
    const gap = Date.parse(takenAt) - Date.parse(before.releasedAt)
    assert.ok(gap >= 0 && gap <= ms, `${gap} ms between ${before.releasedAt} and ${takenAt}`)
  }
}

test('the memory of an agent is held under a lease: over its deaths and the switch’s, once for each sandbox, refused where there is none, billed by the mebibyte-hour', {
  timeout: 240_000,
}, async () => {
  await using world = await World.open({ offices: [], watched: [] })
  const [first] = await Promise.all([Platform.start(world), world.populate()])
  let platform = first
  await using _platform = { [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose]() }
  const file = join(world.directory, 'plan.yaml')
  writeFileSync(file, JSON.stringify(plan))
  await platform.cli('plan', 'add', file)
  const order = ['--number', '+3225550101', '--site-network', '192.168.1.0/24', '--default-route', 'number:+3225559000']
  await platform.cli('subscriber', 'install', 'acme', ...order, '--plan', 'metered', '--memory', '128')
  const leases = () => platform.cli<LeaseView[]>('resource', 'leases', 'acme', '--kind', 'agent.memory')
  const held = async () => (await leases()).map(({ lease }) => lease)
  const agent = () => platform.agent('acme')
  let made = 0
  const program = () => {
    const folder = join(world.directory, `program-${++made}`)
    mkdirSync(folder)
    writeFileSync(join(folder, 'index.js'), `${PROGRAM}// ${made}\n`)
    const dependencies = { '@tieline/agent': '*' }
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'held', type: 'module', main: 'index.js', dependencies }))
    return bundle(folder, join(world.directory, `bundle-${made}`))
  }

  // Nothing runs, nothing is held.
  assert.deepEqual(await leases(), [])
  const version = await platform.cli<{ id: string }>('agent', 'deploy', 'acme', program(), '--wait')
  const [lease, ...more] = await leases()
  assert.deepEqual(
    [lease?.kind, lease?.count, lease?.agent, lease?.call, more.length],
    ['agent.memory', 128, version.id, undefined, 0],
  )
  const { items } = await platform.api<{ items: LeaseView[] }>('GET', '/v1/subscribers/acme/leases')
  assert.deepEqual(items, [lease])
  const inUse = async () => {
    const kinds = await platform.cli<{ kind: string; inUse: number }[]>('resource', 'list')
    return kinds.find(({ kind }) => kind === 'agent.memory')?.inUse
  }
  assert.equal(await inUse(), 128)

  // The agent dies, and is started again with what it had; so it is when the switch is killed.
  const { pid } = await agent()
  process.kill(pid!, 'SIGKILL')
  const isBack = async () => {
    const now = await agent()
    return now.state === 'ready' && now.pid !== pid
  }
  await until('the agent to be back', isBack, 15_000, 100)
  assert.deepEqual(await held(), [lease!.lease])
  const switchPid = async () => (await platform.processes()).find(({ name }) => name === 'switch')?.pid
  const killed = await switchPid()
  process.kill(killed!, 'SIGKILL')
  await until('another switch', async () => ((await switchPid()) ?? killed) !== killed, 20_000, 100)
  await until('the agent to find it', async () => (await agent()).state === 'ready', 20_000, 100)
  const again = () => held().catch(() => [])
  await until('it to say what is held', async () => (await again()).length > 0, 10_000, 100)
  assert.deepEqual(await held(), [lease!.lease])
  assert.equal(await inUse(), 128)

  // Another size: the old lease is over with its sandbox, and is usage.
  await platform.api('PATCH', '/v1/subscribers/acme', { agent: { memoryMebibytes: 192 } })
  await until(
    'the other lease alone',
    async () => {
      const now = await leases()
      return now.length === 1 && now[0]?.count === 192
    },
    20_000,
    100,
  )
  const memory = async () => (await platform.usage('acme')).filter(({ kind }) => kind === 'agent.memory')
  const [used] = await until('the usage', async () => ((await memory()).length > 0 ? memory() : null), 10_000, 100)
  assert.deepEqual(
    [used?.lease, used?.count, used?.agent, used?.call, used?.reason, used?.review],
    [lease!.lease, 128, version.id, undefined, 'replaced', false],
  )
  assert.equal(used!.billableMs, Date.parse(used!.releasedAt) - Date.parse(used!.takenAt))

  // No room for a second sandbox beside it: the deployment fails, says why, and what serves goes on.
  await platform.cli('resource', 'capacity', 'agent.memory=300')
  const refused = await platform.attempt('agent', 'deploy', 'acme', program(), '--wait')
  assert.notEqual(refused.code, 0)
  assert.match(refused.err, /no agent.memory left: the node's pool is 300, 192 in use, 192 more asked for/)
  const serving = await agent()
  assert.deepEqual([serving.state, serving.version], ['ready', version.id])
  const told = async () => (await platform.events('acme')).filter(({ type }) => type === 'resource.refused')
  await until('the event', async () => (await told()).length > 0, 5000, 100)
  const refusal = (await told())[0]!.data.refusal as Refusal
  assert.deepEqual(
    [refusal.kind, refusal.limitedBy, refusal.limit, refusal.inUse, refusal.requested, refusal.fault],
    ['agent.memory', 'pool', 300, 192, 192, 'system'],
  )
  assert.deepEqual(
    refusal.holders.map(({ agent: of, count }) => [of, count]),
    [[version.id, 192]],
  )
  await assert.rejects(
    platform.api('PATCH', '/v1/subscribers/acme', { agent: { memoryMebibytes: 301 } }),
    /409.*agent.memory.*301.*300/s,
  )
  assert.equal((await leases())[0]?.count, 192)

  // The whole node is killed: what was held ends then, or at the last proven moment, and what is started again has a lease of its own.
  const [last] = await held()
  await platform.kill()
  platform = await Platform.start(world)
  await until('the agent', async () => (await agent()).state === 'ready', 30_000, 200)
  await until('the former lease', async () => (await memory()).some((record) => record.lease === last), 10_000, 100)
  const crashed = (await memory()).find((record) => record.lease === last)!
  // The kernel closes what host had open a moment before it kills the switch, which may have given back by then what it held.
  const ends = crashed.reason === 'stopped' ? ['stopped', false] : ['crash', true]
  assert.deepEqual([crashed.count, crashed.reason, crashed.review], [192, ...ends])
  const [now] = await leases()
  assert.notEqual(now?.lease, last)

  // The bill leads back to each, once.
  await platform.api('PATCH', '/v1/subscribers/acme', { agent: { memoryMebibytes: 64 } })
  await until('the third', async () => (await memory()).length === 3, 20_000, 100)
  const records = await memory()
  const period = new Date().toISOString().slice(0, 7)
  const run = await platform.cli<{ bills: { id: string }[]; unrated: unknown[] }>('bill', 'run', '--period', period)
  assert.deepEqual(run.unrated, [])
  const bill = await platform.api<Invoice>('GET', `/v1/bills/${run.bills[0]!.id}`)
  const line = bill.lines.find(({ kind }) => kind === 'agent.memory')
  assert.deepEqual(new Set(line?.leases), new Set(records.map((record) => record.lease)))
  assert.equal(line?.unit, 'mebibyte-second')
  const worth = records.reduce((sum, record) => sum + rate(record, plan, {})!.rating.amount, 0n)
  assert.equal(Number(line?.amount), Number(formatMicros(worth)))
  assertFollows(
    records.filter(({ count }) => count === 192),
    60_000,
  )

  // Removed, it holds nothing.
  await platform.cli('subscriber', 'remove', 'acme')
  await until('nothing to be held', async () => ((await inUse()) ?? 0) === 0, 10_000, 100)
  assert.deepEqual(await platform.stop(), [])
})
