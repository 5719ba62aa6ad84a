import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TurnedClock } from '#lib/index.ts'
import { seededRandom } from './simulated-network.ts'
import { TimerWheel, WheelTimer } from './timer-wheel.ts'

const fail = (error: unknown) => assert.fail(String(error))

test('timers run out at their time, in order, and sleep on one timer of the clock', () => {
  const clock = new TurnedClock()
  const wheel = new TimerWheel(clock, fail)
  const random = seededRandom(1)
  const late: number[] = []
  let ran = 0
  for (let i = 0; i < 2000; i++) {
    // Up to eight turns of the wheel away.
    const ms = random() * 40_000
    const due = clock.now() + ms
    const timer = new WheelTimer({
      onTimer() {
        ran++
        late.push(clock.now() - due)
      },
    })
    wheel.arm(timer, ms, 'x')
    if (i % 5 === 0) wheel.cancel(timer)
    assert.ok(clock.pending <= 1)
    if (i % 50 === 0) clock.turn(random() * 300)
  }
  clock.turn(60_000)
  assert.equal(ran, 1600)
  assert.ok(Math.min(...late) >= 0 && Math.max(...late) <= 10.001, `${Math.min(...late)} ${Math.max(...late)}`)
  assert.equal(wheel.size, 0)
  assert.equal(clock.pending, 0)
})

test('a timer may arm itself and cancel its neighbours while it runs', () => {
  const clock = new TurnedClock()
  const wheel = new TimerWheel(clock, fail)
  const names: string[] = []
  const neighbour = new WheelTimer({ onTimer: () => names.push('neighbour') })
  const timer: WheelTimer = new WheelTimer({
    onTimer(name) {
      names.push(name)
      wheel.cancel(neighbour)
      if (names.length < 3) wheel.arm(timer, 500, `again ${names.length}`)
    },
  })
  wheel.arm(neighbour, 500, 'n')
  wheel.arm(timer, 500, 'first')
  clock.turn(5000)
  assert.deepEqual(names, ['first', 'again 1', 'again 2'])
  assert.equal(clock.pending, 0)
})

test('a clock that stood still for minutes runs everything once', () => {
  const clock = new TurnedClock()
  // A clock that wakes late, as a stalled event loop does.
  const stalled = {
    now: () => clock.now(),
    wall: () => clock.wall(),
    after: (ms: number, run: () => void) => clock.after(ms + 100_000, run),
  }
  const wheel = new TimerWheel(stalled, fail)
  let ran = 0
  for (let ms = 10; ms <= 50_000; ms += 10) wheel.arm(new WheelTimer({ onTimer: () => ran++ }), ms, 'x')
  clock.turn(300_000)
  assert.equal(ran, 5000)
  assert.equal(clock.pending, 0)
})

test('the one timer of a wheel may be many turns away', () => {
  const clock = new TurnedClock()
  const wheel = new TimerWheel(clock, fail)
  let ran = 0
  const timer = new WheelTimer({ onTimer: () => ran++ })
  wheel.arm(timer, 500, 'x')
  wheel.arm(timer, 32_000, 'x')
  clock.turn(31_990)
  assert.equal(ran, 0)
  clock.turn(10)
  assert.deepEqual([ran, clock.pending], [1, 0])
})

test('an owner that throws costs no other timer anything', () => {
  const clock = new TurnedClock()
  const errors: unknown[] = []
  const wheel = new TimerWheel(clock, (error) => errors.push(error))
  let ran = 0
  for (let i = 0; i < 10; i++) {
    const onTimer = () => {
      if (i === 5) throw new Error('bug')
      ran++
    }
    wheel.arm(new WheelTimer({ onTimer }), 500, 'x')
  }
  clock.turn(500)
  assert.deepEqual([ran, errors.length, clock.pending], [9, 1, 0])
})

test('a wheel that is closed runs nothing more', () => {
  const clock = new TurnedClock()
  const wheel = new TimerWheel(clock, fail)
  let ran = 0
  for (let i = 0; i < 100; i++) wheel.arm(new WheelTimer({ onTimer: () => ran++ }), i * 100, 'x')
  wheel.close()
  clock.turn(60_000)
  assert.deepEqual([ran, wheel.size, clock.pending], [0, 0, 0])
})
