import assert from 'node:assert/strict'
import { type Duplex, duplexPair } from 'node:stream'
import { test } from 'node:test'
import { silentLog, TurnedClock } from '#lib/index.ts'
import { LinkLost } from './index.ts'
import { LineReader } from './line.ts'
import { Link } from './link.ts'

interface Far {
  echo: { params: { text: string }; result: string }
  never: { params: null; result: null }
}
type Both = { answers: Far; calls: Far; hears: { told: string }; says: { told: string } }

const turn = () => new Promise((resolve) => setImmediate(resolve))
const turns = async (n = 6) => {
  for (let i = 0; i < n; i++) await turn()
}

function side(stream: Duplex, clock: TurnedClock, pings: boolean, over: object = {}) {
  const heard: string[] = []
  const link = new Link<Both>({
    stream,
    clock,
    pings,
    log: silentLog,
    hello: { process: 'p', version: 1 },
    methods: new Map<string, (params: never) => unknown>([
      ['echo', ({ text }: { text: string }) => text],
      ['never', () => new Promise(() => undefined)],
    ]),
    listeners: new Map([['told', (text: string) => heard.push(text)]]) as never,
    onOpen: () => undefined,
    ...over,
  })
  return { link, heard }
}

/** Carries bytes on until a number of them have passed, then cuts both ends. */
function cuttable(afterBytes: number): [Duplex, Duplex, () => number] {
  const [a, innerA] = duplexPair()
  const [innerB, b] = duplexPair()
  let passed = 0
  const carry = (from: Duplex, to: Duplex) =>
    from.on('data', (chunk: Buffer) => {
      const room = afterBytes - passed
      passed += chunk.length
      to.write(chunk.subarray(0, Math.max(0, room)))
      if (passed >= afterBytes) for (const end of [innerA, innerB]) end.destroy()
    })
  carry(innerA, innerB)
  carry(innerB, innerA)
  for (const end of [innerA, innerB]) end.on('close', () => (end === innerA ? a : b).destroy())
  return [a, b, () => passed]
}

/** Hello, a call each way, an error, a notification, a call that hangs. Answers what became of the calls. */
async function script(cutAt: number): Promise<{ bytes: number; settled: number; open: boolean }> {
  const clock = new TurnedClock()
  const [sa, sb, passed] = cuttable(cutAt)
  const { link: a } = side(sa, clock, true)
  const { link: b } = side(sb, clock, false)
  await turns()
  let settled = 0
  const count = (p: Promise<unknown>) =>
    p.then(
      () => settled++,
      (e) => {
        assert.ok(e instanceof LinkLost || e.verdict.code === 'no-such-method', String(e))
        settled++
      },
    )
  const calls = [
    count(a.call('echo', { text: 'über' })),
    count(b.call('echo', { text: 'there' })),
    count(a.call('none' as 'echo', { text: '' })),
    count(a.call('never', null)),
  ]
  a.notify('told', 'x')
  await turns()
  const open = a.isOpen && b.isOpen
  a.close()
  b.close()
  await Promise.all([...calls, a.closed, b.closed])
  await turns()
  assert.equal(clock.pending, 0, 'a timer is left')
  assert.deepEqual(
    [a.inFlight, b.inFlight],
    [
      { out: 0, in: 0 },
      { out: 0, in: 0 },
    ],
  )
  return { bytes: passed(), settled, open }
}

test('a pipe cut after any byte leaves nothing pending, and throws nowhere (C02)', async () => {
  const whole = await script(Number.POSITIVE_INFINITY)
  assert.ok(whole.open && whole.bytes > 500)
  for (let at = 1; at < whole.bytes; at++) assert.equal((await script(at)).settled, 4, `cut after ${at} bytes`)
})

async function opened(over: object = {}) {
  const clock = new TurnedClock()
  const [sa, sb] = duplexPair()
  const a = side(sa, clock, true, over)
  const b = side(sb, clock, false)
  await turns()
  assert.ok(a.link.isOpen && b.link.isOpen)
  return { clock, a, b, sa, sb }
}

test('a peer that freezes is noticed within 10 s by either side, a quiet one never (C03)', async () => {
  const quiet = await opened()
  await quiet.clock.turnAsync(60_000, 500)
  assert.ok(quiet.a.link.isOpen && quiet.b.link.isOpen)

  const frozen = await opened()
  frozen.sb.pause()
  const waiting = assert.rejects(frozen.a.link.call('echo', { text: 'x' }), (e) => e instanceof LinkLost && e.reason === 'silent')
  await frozen.clock.turnAsync(10_500, 500)
  await waiting
  assert.equal((await frozen.a.link.closed).reason, 'silent')

  const [sa, sb] = duplexPair()
  const clock = new TurnedClock()
  const b = side(sb, clock, false)
  sa.write('{"jsonrpc":"2.0","method":"link.hello","params":{"process":"x","version":1}}\n')
  await turns()
  await clock.turnAsync(10_500, 500)
  assert.equal((await b.link.closed).reason, 'silent')
})

test('a process that was held up itself does not take its peer for dead, nor for alive for ever', async () => {
  let heldUp = 0
  const turned = new TurnedClock()
  const clock = Object.assign(Object.create(turned), {
    now: () => turned.now() + heldUp,
    after: (ms: number, run: () => void) => turned.after(ms, run),
  }) as TurnedClock
  const [sa, sb] = duplexPair()
  const { link } = side(sa, clock, true)
  sb.write('{"jsonrpc":"2.0","method":"link.hello","params":{"process":"x","version":1}}\n')
  await turns()
  // As a blocked event loop does it: much later the timers run first, and only then what has come meanwhile is read.
  heldUp = 20_000
  await turned.turnAsync(2600, 100)
  assert.ok(link.isOpen)
  await turned.turnAsync(10_500, 500)
  assert.equal((await link.closed).reason, 'silent')
})

test('a peer that never says hello is let go', async () => {
  const clock = new TurnedClock()
  const { link } = side(duplexPair()[0], clock, true)
  clock.turn(5000)
  assert.equal((await link.closed).reason, 'silent')
  assert.equal(clock.pending, 0)
})

test('what is not our protocol, and a line too long, end the link', async () => {
  for (const [bytes, reason] of [
    ['hello\n', 'malformed'],
    ['[{"jsonrpc":"2.0","method":"told"}]\n', 'malformed'],
    ['{"jsonrpc":"2.0","id":{},"method":"echo"}\n', 'malformed'],
    ['null\n', 'malformed'],
    ['{"jsonrpc":"2.0","id":1,"error":null}\n', 'malformed'],
    [`{"jsonrpc":"2.0","method":"told","params":"${'x'.repeat(1000)}"}\n`, 'too-long'],
    ['x'.repeat(1000), 'too-long'],
  ] as const) {
    const { a, sb } = await opened({ maxLineBytes: 900 })
    sb.write(bytes)
    assert.equal((await a.link.closed).reason, reason, bytes.slice(0, 40))
  }
})

test('before hello nothing is answered', async () => {
  const clock = new TurnedClock()
  const [sa, sb] = duplexPair()
  const { link } = side(sa, clock, true)
  sb.write('{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x"}}\n')
  assert.equal((await link.closed).reason, 'malformed')
})

test('what is written at once leaves as one write, in order', async () => {
  const { a, b, sa } = await opened()
  let writes = 0
  const write = sa.write.bind(sa)
  sa.write = ((chunk: string) => {
    writes++
    return write(chunk)
  }) as typeof sa.write
  for (let i = 0; i < 50; i++) a.link.notify('told', String(i))
  await turns()
  assert.deepEqual([writes, b.heard], [1, Array.from({ length: 50 }, (_, i) => String(i))])
})

test('a peer that does not read is not read either, and is cut off when too much waits', async () => {
  const { a, sa, sb } = await opened({ maxQueuedBytes: 50_000 })
  sb.pause()
  for (let i = 0; i < 2; i++) a.link.notify('told', 'x'.repeat(50_000))
  await turns()
  assert.ok(sa.isPaused() && a.link.isOpen)
  sb.resume()
  await turns(20)
  assert.ok(!sa.isPaused() && a.link.isOpen, 'it goes on when the other reads again')
  sb.pause()
  for (let i = 0; i < 8; i++) {
    a.link.notify('told', 'x'.repeat(50_000))
    await turn()
  }
  assert.equal((await a.link.closed).reason, 'stuck')
})

test('more calls at once than allowed are refused, and answered ones make room', async () => {
  const { b } = await opened({ maxInFlight: 2 })
  const hanging = [b.link.call('never', null), b.link.call('never', null)].map((p) => p.catch(() => undefined))
  await assert.rejects(b.link.call('echo', { text: 'x' }), /too many/)
  b.link.close()
  await Promise.all(hanging)
})

test('lines come whole however the bytes are cut, also within a character', () => {
  const bytes = Buffer.from('{"a":"ünï€😀"}\n\n{"b":1}\nrest')
  for (let size = 1; size < bytes.length; size++) {
    const reader = new LineReader(100)
    const lines: string[] = []
    for (let i = 0; i < bytes.length; i += size) {
      const take = (line: string) => lines.push(line) > 0
      assert.ok(reader.push(bytes.subarray(i, i + size), take))
    }
    assert.deepEqual([lines, reader.pending], [['{"a":"ünï€😀"}', '{"b":1}'], 4])
  }
})
