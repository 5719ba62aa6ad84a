import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Plan, parseMicros, rate } from '#platform/billing/index.ts'
import { until } from '../peer/index.ts'
import { Platform, PUBLIC, World } from '../world/index.ts'

const NUMBER = '+3225550101'
const LINE = '+3225559000'

interface Balance {
  balance: { amount: string }
  left: { amount: string } | null
  reserved: { amount: string } | null
}

const byTheSecond = (kind: string, price: string): Plan['rates'][number] => ({
  ...{ kind, prefix: '', title: kind, unit: 'second', increments: { first: 1, next: 1 }, setUpFee: '0.01', per: 60, included: 0 },
  tiers: [{ upTo: null, price }],
})
const plan: Plan = {
  ...{ name: 'ahead', title: 'Paid in advance', currency: 'EUR', prepaid: true, recurring: [], taxes: [] },
  rates: [byTheSecond('trunk.in', '0.30'), byTheSecond('trunk.out', '0.60'), byTheSecond('voice.relay', '0.06')],
}

test('B02 B09 money paid in by the command line, a call that pays from it while the switch is killed: the ledger, the switch and the usage agree to the millionth', {
  timeout: 120_000,
}, async () => {
  await using world = await World.open({ offices: [], watched: [] })
  const [platform] = await Promise.all([Platform.start(world), world.populate()])
  await using _platform = platform
  const { carrier } = world
  await carrier.rules([{ user: LINE, does: 'answer' }])
  await platform.cli('trunk', 'add', 'carrier', '--gateway', PUBLIC.carrier)
  const file = join(world.directory, 'plan.yaml')
  writeFileSync(file, JSON.stringify(plan))
  await platform.cli('plan', 'add', file)
  const order = ['--number', NUMBER, '--site-network', '192.168.1.0/24', '--default-route', `number:${LINE}`, '--plan', 'ahead']
  await platform.cli('subscriber', 'install', 'acme', ...order)
  const place = () => carrier.place({ to: { address: PUBLIC.node, port: 5060 }, from: '+32470555001', number: NUMBER })
  const balance = () => platform.api<Balance>('GET', '/v1/subscribers/acme/balance')

  const broke = await carrier.wait(await place(), 'ended')
  assert.equal(broke.final?.status, 403)
  for (let i = 0; i < 3; i++) await platform.cli('balance', 'top-up', 'acme', '1.00', '--payment', 'one')
  const call = await place()
  await carrier.wait(call, 'up')
  await until('it to pay ahead', async () => parseMicros((await balance()).reserved?.amount ?? '0') > 0n, 5000, 100)
  const pid = async () => (await platform.processes()).find(({ name }) => name === 'switch')?.pid
  const killed = await pid()
  process.kill(killed!, 'SIGKILL')
  await until('another switch', async () => ((await pid()) ?? killed) !== killed && (await balance()).left !== null, 20_000, 100)
  await carrier.hangup(call)
  await until('its end', async () => (await platform.calls()).length === 0, 10_000, 50)

  const owed = async () =>
    (await platform.usage('acme')).reduce((sum, one) => sum + (rate(one, plan, {})?.rating.amount ?? 0n), 0n)
  const settled = await until(
    'the ledger and the switch to agree',
    async () => {
      const { balance: ledger, left, reserved } = await balance()
      const [used, spent] = [ledger.amount, left?.amount ?? '0'].map((amount) => 1_000_000n - parseMicros(amount))
      return parseMicros(reserved?.amount ?? '1') === 0n && used === spent && used ? { used } : null
    },
    15_000,
    200,
  )
  assert.equal(settled.used, await owed())
  assert.ok(settled.used > 30_000n, `${settled.used}`)
})
