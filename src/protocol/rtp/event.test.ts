import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EVENT_KEYS, EVENT_SILENCE_MS, EventReceiver, EventSender } from './index.ts'

interface Packet {
  event: number
  end: boolean
  duration: number
  timestamp: number
  at: number
}

/** The packets of one press: every 20 ms one, the last three times, as RFC 4733 §2.5.1.4 has it. */
function press(key: string, timestamp: number, at: number, ms = 100): Packet[] {
  const event = EVENT_KEYS.indexOf(key)
  const packets: Packet[] = []
  for (let t = 20; t <= ms; t += 20) packets.push({ event, end: t === ms, duration: t * 8, timestamp, at: at + t })
  const last = packets.at(-1)!
  return [...packets, { ...last, at: last.at + 20 }, { ...last, at: last.at + 40 }]
}

/** Presses one after the other, with a pause between them. */
function dial(keys: string, pauseMs = 60): Packet[] {
  return [...keys].flatMap((key, i) => press(key, 1000 + i * (100 + pauseMs) * 8, i * (100 + pauseMs)))
}

function receive(packets: Packet[]): { keys: string; durations: number[]; started: string } {
  const heard = { keys: '', durations: [] as number[], started: '' }
  const receiver = new EventReceiver({
    started: (key) => {
      heard.started += key
    },
    ended: (key, ms) => {
      heard.keys += key
      heard.durations.push(ms)
    },
  })
  let now = 0
  for (const { event, end, duration, timestamp, at } of packets) {
    for (; now < at; now += 10) receiver.tick(now)
    receiver.receive(Uint8Array.of(0, event, (end ? 0x80 : 0) | 10, duration >> 8, duration & 0xff), 1, 4, timestamp, at)
  }
  receiver.tick(now + EVENT_SILENCE_MS + 10)
  assert.equal(heard.started, heard.keys)
  return heard
}

test('M08 all sixteen keys, each once', () => {
  const { keys, durations } = receive(dial(EVENT_KEYS))
  assert.equal(keys, EVENT_KEYS)
  assert.ok(durations.every((ms) => ms === 100))
})

test('M08 the start is lost, all but the end is lost', () => {
  assert.equal(receive(press('5', 1000, 0).slice(3)).keys, '5')
  assert.equal(receive(press('5', 1000, 0).slice(-1)).keys, '5')
})

test('M08 all ends are lost', () => {
  const packets = dial('55').filter(({ end }) => !end)
  assert.equal(receive(packets).keys, '55')
})

test('M08 the same key twice 60 ms apart, and with half of everything lost', () => {
  assert.equal(receive(dial('77')).keys, '77')
  assert.equal(receive(dial('77').filter((_, i) => i % 2 === 0)).keys, '77')
})

test('M08 a key held for 2 s is one press', () => {
  const { keys, durations } = receive(press('#', 1000, 0, 2000))
  assert.deepEqual([keys, durations], ['#', [2000]])
})

test('M08 a key held for 12 s comes in segments and is one press (RFC 4733 §2.5.1.3)', () => {
  const segment = (timestamp: number, at: number, ms: number, last: boolean): Packet[] =>
    Array.from({ length: ms / 20 }, (_, i) => {
      const duration = Math.min((i + 1) * 160, 0xffff)
      return { event: 1, end: last && i === ms / 20 - 1, duration, timestamp, at: at + (i + 1) * 20 }
    })
  const { keys, durations } = receive([...segment(1000, 0, 8200, false), ...segment(1000 + 0xffff, 8200, 4000, true)])
  assert.equal(keys, '1')
  assert.ok(Math.abs(durations[0]! - 12_190) < 20)
})

test('M08 a sender that moves the timestamp with every packet still presses once', () => {
  const packets = press('9', 1000, 0).map((packet, i) => ({ ...packet, timestamp: 1000 + i * 160 }))
  assert.equal(receive(packets).keys, '9')
})

test('M08 late packets of a key that is over count nothing', () => {
  const [first, second] = [press('1', 1000, 0), press('2', 2280, 160)]
  const late = [...first, ...second.slice(0, 2), ...first.slice(2).map((p) => ({ ...p, at: 210 })), ...second.slice(2), ...first]
  assert.equal(receive(late.map((p, i) => ({ ...p, at: Math.max(p.at, i * 20) }))).keys, '12')
})

test('M08 whatever is lost, doubled or swapped with its neighbour: the dialled string', () => {
  const key = fc.constantFrom(...EVENT_KEYS)
  fc.assert(
    fc.property(fc.array(key, { minLength: 1, maxLength: 8 }), fc.array(fc.nat(99), { minLength: 100 }), (keys, dice) => {
      let die = 0
      const roll = () => dice[die++ % dice.length]!
      const sent = keys.flatMap((k, i) => {
        const packets = press(k, 1000 + i * 1280, i * 160)
        const kept = packets.filter(() => roll() >= 40)
        return kept.length > 0 ? kept : packets.slice(-1)
      })
      const doubled = sent.flatMap((packet) => (roll() < 30 ? [packet, packet] : [packet]))
      for (let i = 1; i < doubled.length; i++) {
        const [a, b] = [doubled[i - 1]!, doubled[i]!]
        if (a.timestamp === b.timestamp && roll() < 20) doubled.splice(i - 1, 2, { ...b, at: a.at }, { ...a, at: b.at })
      }
      assert.equal(receive(doubled).keys, keys.join(''))
    }),
  )
})

test('events that are no keys, and cut packets, are nothing', () => {
  const receiver = new EventReceiver({ started: () => assert.fail(), ended: () => assert.fail() })
  receiver.receive(Uint8Array.of(16, 0, 0, 160), 0, 4, 1, 0)
  receiver.receive(Uint8Array.of(5, 0, 0), 0, 3, 1, 0)
  receiver.reset()
})

test('M09 what we send: growing duration, one end bit on three packets, a pause, at every packet time', () => {
  for (const frame of [80, 160, 240, 320, 800]) {
    const sender = new EventSender('1#', 100, 60, frame)
    const packets: Packet[] = []
    let at = 0
    let timestamp = 0
    for (let step = sender.step(); step !== 'done'; step = sender.step(), at += frame) {
      if (step === 'pause') continue
      if (sender.first) timestamp = at
      packets.push({ event: sender.event, end: sender.end, duration: sender.duration, timestamp, at: at / 8 })
    }
    for (const event of [1, 11]) {
      const own = packets.filter((packet) => packet.event === event)
      assert.equal(own.filter(({ end }) => end).length, 3)
      assert.deepEqual(new Set(own.slice(-3).map(({ duration }) => duration)), new Set([800]))
      assert.ok(own.every(({ duration }, i) => i === 0 || duration >= own[i - 1]!.duration))
    }
    assert.ok(packets.find(({ event }) => event === 11)!.timestamp >= 800 + Math.min(480, 2 * frame))
    assert.equal(receive(packets).keys, '1#')
  }
})

test('M09 keys that are pressed while the clock changes: what had begun is over, the rest follows by the new clock', () => {
  const before = new EventSender('12', 100, 60, 160)
  before.step()
  const after = before.anew(960, 48)
  const events: number[] = []
  for (let step = after.step(); step !== 'done'; step = after.step())
    if (step === 'packet') events.push(after.event, after.duration)
  assert.deepEqual([...new Set(events.filter((_, i) => i % 2 === 0))], [2])
  assert.equal(events.at(-1), 4800)
})

/** What a receiver hears of a sender that is stepped every 20 ms until it is done, or so often. */
function sent(sender: EventSender, from: number, steps = Number.POSITIVE_INFINITY): Packet[] {
  const packets: Packet[] = []
  let timestamp = 0
  for (let i = 0, step = sender.step(); step !== 'done' && i < steps; step = ++i < steps ? sender.step() : 'done') {
    const at = from + i * 20
    if (step === 'pause') continue
    if (sender.first) timestamp = at * 8
    packets.push({ event: sender.event, end: sender.end, duration: sender.duration, timestamp, at })
  }
  return packets
}

test('M09 a key that is held is pressed until it is let go, and one behind it waits for its end', () => {
  const sender = new EventSender('', 0, 40, 160)
  sender.hold('7')
  const before = sent(sender, 1000, 15)
  assert.ok(before.every(({ end }) => !end))
  sender.letGo(250)
  sender.hold('8')
  sender.letGo(90)
  const packets = [...before, ...sent(sender, 1300)]
  const { keys, durations } = receive(packets.map((packet) => ({ ...packet, timestamp: packet.timestamp || 1000 * 8 })))
  assert.deepEqual([keys, durations], ['78', [300, 90]])
  assert.equal(packets.filter(({ end }) => end).length, 6)
})

test('M09 a key that is held for longer than an event can be has an end all the same', () => {
  const sender = new EventSender('', 0, 40, 960, 48)
  sender.hold('1')
  const packets = sent(sender, 0)
  assert.ok(packets.at(-1)!.end && packets.at(-1)!.duration <= 0xffff)
  sender.letGo(4000)
  assert.equal(sender.step(), 'done')
})
