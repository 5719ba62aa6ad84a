import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import type { TrunkState } from '#platform/words/index.ts'
import { AlarmBoard } from './board.ts'
import { ClockWatch } from './clock-watch.ts'
import type { Observation } from './judge.ts'

const WALL = Date.UTC(2026, 10, 27)
const trunk = newId('trk')
const acme = newId('sub')

const WELL: Observation = {
  parts: { database: true, host: true, switch: true },
  ...{
    processes: [],
    channels: [],
    agents: [],
    failedDeploys: [],
    resources: [],
    trunks: [],
    tolls: [],
    balances: [],
    certificates: [],
    unpriced: [],
  },
  ...{ lagMs: 0, clockJumpMs: 0, wall: WALL },
  journal: { diskFull: false, lost: 0, unshipped: 0 },
  disk: { freeBytes: 50e9, wholeBytes: 100e9 },
  nameOf: (id) => ({ [trunk]: 'main', [acme]: 'acme' })[id] ?? id,
}

const gateway = (state: 'up' | 'down', port = 5060) => ({ address: '192.0.2.1', port, transport: 'udp' as const, state, lost: 0 })
const nowhere = { name: 'sip.example.net', state: 'nowhere' as const, text: 'no such name' }
const trunkOf = (more: Partial<TrunkState>): TrunkState => ({
  trunk,
  gateways: [gateway('up')],
  names: [],
  registration: null,
  ...more,
})

/** What a node in this state is told of, when all was well before. */
function raisedBy(seen: Partial<Observation>): string[] {
  const board = new AlarmBoard()
  assert.deepEqual(board.take(WELL), [])
  return board.take({ ...WELL, ...seen }).map(({ type, alarm }) => `${type} ${alarm.code} ${alarm.about} ${alarm.severity}`)
}

test('O06 each thing that an operator must be told of has its alarm', () => {
  const certificate = (days: number) => ({ certificates: [{ about: 'switch', expiresAt: WALL + days * 86_400_000 }] })
  const use = (inUse: number) => ({ resources: [{ kind: 'voice.port', capacity: 100, inUse }] })
  const toll = (used: number) => ({
    tolls: [{ subscriber: acme, class: 'premium', rule: 'callsPerHour' as const, limit: 10, used }],
  })
  const channel = (state: 'up' | 'stale' | 'down' | 'provisioned') => ({
    channels: [{ subscriber: acme, state, reason: 'x', handshakeAgeSeconds: 200, receivedBytes: 0, sentBytes: 0, mtu: 1420 }],
  })
  const registration = (state: 'refused' | 'waiting' | 'registered') => ({
    trunks: [trunkOf({ registration: { state, text: 'so' } })],
  })
  const cases: [Partial<Observation>, string | null][] = [
    [{ parts: { database: false, host: true, switch: true } }, 'part-away database critical'],
    [{ processes: [{ name: 'voice', pid: null, uid: 1, restarts: 3, startedAt: '' }] }, 'process-down voice critical'],
    [use(79), null],
    [use(80), 'resource-scarce voice.port warning'],
    [use(95), 'resource-scarce voice.port critical'],
    [{ trunks: [trunkOf({ gateways: [gateway('down')] })] }, 'trunk-down main critical'],
    [{ trunks: [trunkOf({ gateways: [gateway('down'), gateway('up', 5070)] })] }, 'gateway-down main 192.0.2.1:5060 warning'],
    [{ trunks: [trunkOf({ gateways: [], names: [nowhere] })] }, 'trunk-down main critical'],
    [{ trunks: [trunkOf({ names: [nowhere] })] }, 'gateway-down main sip.example.net warning'],
    [{ balances: [{ subscriber: acme, leftMicros: 1, reservedMicros: 0, low: true, empty: false }] }, 'balance-low acme warning'],
    [{ balances: [{ subscriber: acme, leftMicros: 0, reservedMicros: 0, low: true, empty: true }] }, 'balance-low acme critical'],
    [{ balances: [{ subscriber: acme, leftMicros: 1, reservedMicros: 0, low: false, empty: false }] }, null],
    [registration('refused'), 'registration-lost main critical'],
    [registration('waiting'), 'registration-lost main warning'],
    [registration('registered'), null],
    [channel('stale'), 'channel-down acme warning'],
    [channel('down'), 'channel-down acme warning'],
    [channel('provisioned'), null],
    [
      { agents: [{ subscriber: acme, state: 'backing-off', reason: 'oom', version: null, pid: null, restarts: 2 }] },
      'agent-down acme warning',
    ],
    [{ failedDeploys: [{ subscriber: acme, reason: 'exit code 1' }] }, 'deploy-failed acme warning'],
    [toll(7), null],
    [toll(8), 'toll-limit acme premium callsPerHour warning'],
    [toll(10), 'toll-limit acme premium callsPerHour critical'],
    [{ disk: { freeBytes: 4e9, wholeBytes: 100e9 } }, 'disk-scarce state warning'],
    [{ journal: { diskFull: true, lost: 0, unshipped: 0 } }, 'disk-scarce state critical'],
    [{ journal: { diskFull: false, lost: 1, unshipped: 0 } }, 'journal-behind node critical'],
    [{ journal: { diskFull: false, lost: 0, unshipped: 100_001 } }, 'journal-behind node warning'],
    [{ lagMs: 101 }, 'loop-late switch warning'],
    [certificate(22), null],
    [certificate(20), 'certificate-expiring switch warning'],
    [certificate(2), 'certificate-expiring switch critical'],
    [certificate(-1), 'certificate-expiring switch critical'],
    [
      { certificates: [{ about: 'SIP over TLS', expiresAt: WALL + 1e11, fault: 'x' }] },
      'certificate-unreadable SIP over TLS warning',
    ],
    [{ clockJumpMs: -3_600_000 }, 'clock-jumped node warning'],
    [{ clockJumpMs: 500 }, null],
    [{ unpriced: [{ plan: 'standard', kinds: ['voice.detection'] }] }, 'price-missing standard warning'],
  ]
  for (const [seen, expected] of cases) assert.deepEqual(raisedBy(seen), expected === null ? [] : [`alarm.raised ${expected}`])
})

test('O06 an alarm is raised once, grows graver once, and is cleared only at a better value than it was raised at', () => {
  const board = new AlarmBoard()
  const told: string[] = []
  const stop = board.subscribe(({ type }) => told.push(type))
  const use = (inUse: number, minute: number) =>
    board.take({ ...WELL, wall: WALL + minute * 60_000, resources: [{ kind: 'trunk.in', capacity: 10, inUse }] })
  for (const [minute, inUse] of [8, 8, 7.5, 10, 10, 8, 7.5, 8, 6].entries()) use(inUse, minute)
  assert.deepEqual(told, ['alarm.raised', 'alarm.changed', 'alarm.changed', 'alarm.cleared'])
  stop()
  use(8, 60)
  assert.equal(told.length, 4)
  assert.equal(board.active[0]?.since, new Date(WALL + 3_600_000).toISOString())
  assert.deepEqual(
    board.changes(3).map(({ number, type }) => [number, type]),
    [
      [4, 'alarm.cleared'],
      [5, 'alarm.raised'],
    ],
  )
})

test('O06 what cannot be asked changes nothing that was known of it, but that it is away', () => {
  const board = new AlarmBoard()
  board.take({ ...WELL, trunks: [trunkOf({ gateways: [gateway('down')] })], lagMs: 200 })
  const away = {
    ...WELL,
    parts: { database: true, host: true, switch: false },
    trunks: null,
    lagMs: null,
    resources: null,
    journal: null,
  }
  assert.deepEqual(
    board.take(away).map(({ alarm }) => alarm.code),
    ['part-away'],
  )
  assert.deepEqual(board.active.map(({ code }) => code).sort(), ['loop-late', 'part-away', 'trunk-down'])
  board.take(WELL)
  assert.deepEqual(board.active, [])
})

test('O06 T06 the wall clock that is set back is told of for a quarter of an hour; a time server’s small steps are not', () => {
  const clocks = new ClockWatch()
  let now = 1000
  let wall = WALL
  const look = (seconds: number, step = 0) => {
    now += seconds * 1000
    wall += seconds * 1000 + step
    return clocks.look(now, wall)
  }
  assert.equal(look(0), 0)
  for (let i = 0; i < 100; i++) assert.equal(look(5, 20), 0)
  assert.equal(look(5, -3_600_000), -3_600_000)
  assert.equal(look(600), -3_600_000)
  assert.equal(look(400), 0)
})
