import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog, TielineError, TurnedClock } from '#lib/index.ts'
import { type PortPlace, PortPool } from './pool.ts'

/** A pool over sockets that are only counted: which ports can't be bound, and on which somebody still sends. */
function fixture(options: { last?: number; share?: { index: number; of: number } } = {}) {
  const clock = new TurnedClock()
  const open = new Map<number, number>()
  const taken = new Set<number>()
  const strays = new Map<number, number>()
  let fds = 10
  let asked = 0
  const pool = new PortPool({
    clock,
    log: silentLog,
    ports: { first: 20_001, last: options.last ?? 20_009 },
    share: options.share ?? { index: 0, of: 1 },
    quarantineMs: 30_000,
    drain: (fd) => strays.get(open.get(fd)!) ?? 0,
    close: (fd) => assert.ok(open.delete(fd)),
    sockets: {
      async open({ family }: PortPlace, port: number) {
        asked++
        if (taken.has(port)) throw new Error('taken')
        const address = family === 6 ? '::1' : '127.0.0.1'
        open.set(++fds, port)
        return { fd: fds, address, port }
      },
    },
  })
  return { clock, pool, open, taken, strays, asked: () => asked }
}

const full = (error: unknown) => error instanceof TielineError && error.verdict.code === 'resource-unavailable'

test('pairs begin on even ports inside the range, and a full realm refuses', async () => {
  const { pool } = fixture()
  const pairs = await Promise.all([1, 2, 3, 4].map(() => pool.take('node')))
  assert.deepEqual(
    pairs.map(({ rtp, rtcp }) => [rtp.port, rtcp.port]),
    [
      [20_002, 20_003],
      [20_004, 20_005],
      [20_006, 20_007],
      [20_008, 20_009],
    ],
  )
  await assert.rejects(pool.take('node'), full)
  assert.equal((await pool.take('sub_1')).rtp.port, 20_002)
  assert.equal(pool.counts.inUse, 5)
})

test('each of several processes has ports of its own', async () => {
  const ports: number[] = []
  for (const index of [0, 1, 2]) {
    const { pool } = fixture({ last: 20_013, share: { index, of: 3 } })
    for (let i = 0; i < 2; i++) ports.push((await pool.take('node')).rtp.port)
    await assert.rejects(pool.take('node'), full)
  }
  assert.deepEqual(ports.sort(), [20_002, 20_004, 20_006, 20_008, 20_010, 20_012])
})

test('R01 when the odd port can not be had, the even one is closed and another pair is taken', async () => {
  const { pool, taken, open, clock } = fixture()
  taken.add(20_003).add(20_004)
  assert.equal((await pool.take('node')).rtp.port, 20_006)
  assert.equal(open.size, 2)
  await pool.take('node')
  await assert.rejects(pool.take('node'), full)
  taken.clear()
  clock.turn(60_000)
  assert.equal((await pool.take('node')).rtp.port, 20_004)
})

test('M13 a pair rests after its call, and a warm pool asks nobody', async () => {
  const { pool, clock, asked } = fixture({ last: 20_003 })
  const pair = await pool.take('node')
  pool.give(pair)
  assert.deepEqual(pool.counts, { inUse: 0, quarantined: 1, idle: 0 })
  await assert.rejects(pool.take('node'), full)
  clock.turn(30_000)
  assert.equal(await pool.take('node'), pair)
  assert.equal(asked(), 2)
})

test('M13 a port to which somebody still sends is not given', async () => {
  const { pool, clock, strays } = fixture({ last: 20_005 })
  const [a, b] = [await pool.take('node'), await pool.take('node')]
  pool.give(a)
  pool.give(b)
  strays.set(a.rtp.port, 50)
  clock.turn(30_000)
  assert.equal(await pool.take('node'), b)
  await assert.rejects(pool.take('node'), full)
  clock.turn(5000)
  await assert.rejects(pool.take('node'), full)
  strays.clear()
  clock.turn(5000)
  assert.equal(await pool.take('node'), a)
})

test('R01, C11 whatever fails, what is free at the end is what was free at the start', async () => {
  const { pool, taken, open, clock } = fixture({ last: 20_041 })
  let seed = 7
  const random = (n: number) => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % n
  }
  for (let i = 0; i < 2000; i++) {
    taken.clear()
    for (let j = 0; j < 6; j++) taken.add(20_002 + random(40))
    const pairs = await Promise.all(Array.from({ length: random(5) }, () => pool.take('node').catch(() => null)))
    for (const pair of pairs) if (pair) pool.give(pair)
    clock.turn(10_000)
  }
  assert.deepEqual(pool.counts.inUse, 0)
  assert.ok(open.size <= 40)
  pool.close()
  assert.equal(open.size, 0)
})

test('a realm that is gone keeps nothing, also what was in use or on its way', async () => {
  const { pool, open } = fixture()
  const used = await pool.take('sub_1')
  pool.give(await pool.take('sub_1'))
  const coming = pool.take('sub_1')
  pool.drop('sub_1')
  await assert.rejects(coming, full)
  pool.give(used)
  assert.equal(open.size, 0)
})

test('each family of a realm has all ports to itself, and what rests at an address that is gone is closed', async () => {
  const { pool, open } = fixture({ last: 20_003 })
  const [four, six] = [await pool.take('sub_1'), await pool.take('sub_1', 6)]
  assert.deepEqual([four.rtp.address, six.rtp.address, six.rtp.port], ['127.0.0.1', '::1', four.rtp.port])
  await assert.rejects(pool.take('sub_1', 6), full)
  pool.give(four)
  pool.give(six)
  assert.equal(open.size, 4)
  pool.dropAddress('sub_1', '::1')
  assert.equal(open.size, 2)
  pool.drop('sub_1')
  assert.equal(open.size, 0)
})
