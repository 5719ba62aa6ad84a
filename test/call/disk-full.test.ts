import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { TielineError } from '#lib/index.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, World } from './harness.ts'
import { Program } from './program.ts'

const CALLER = '+32470123456'
const TONE = { tone: [{ frequencies: [425], onMs: 600, offMs: 0 }], totalMs: 600 }
const heard = (call: Call, what: number) => (call.report().media?.heard ?? []).filter((h) => h.what === what).length

/** A disk of its own, which a test may fill. */
function disk(t: TestContext, mebibytes: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'tl-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=711`, 'tmpfs', directory])
  t.after(() => {
    execFileSync('umount', ['-l', directory])
    rmSync(directory, { recursive: true })
  })
  return directory
}

/** Writes until there is no room for another byte. */
function fill(file: string): void {
  const fd = openSync(file, 'w')
  for (let bytes = 1 << 16; bytes > 0; ) {
    try {
      writeSync(fd, Buffer.alloc(bytes, 1))
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
      bytes >>= 1
    }
  }
  closeSync(fd)
}

test('O05 M12 the node’s disk is full: calls go on and are written down, a recording is refused with an event, and all is there behind it', async (t) => {
  const within = disk(t, 48)
  await using world = await World.open({ voice: true, within })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  const codes: string[] = []
  let said = 0
  using _program = await Program.connect(world, async (call) => {
    if (call.offered.from.number === CALLER) {
      const recorded = call.do('call.record', { maxSeconds: 2, beep: false })
      codes.push(
        await recorded.then(
          () => 'recorded',
          (error: TielineError) => error.verdict.code,
        ),
      )
      await call.do('call.play', TONE)
      said = (await call.do('call.say', { text: 'There is no room to keep this.' })).playedMs
    }
    await call.do('call.dial', { target: { pbx: '101' } })
  })
  const place = (from: string) => world.carrier.place({ to: world.node, from, number: DID, tone: 400 })
  const talking = await place('+3247000001')
  await until('a talk', () => heard(talking, 700) >= 2, 5000)

  const filler = join(within, 'filler')
  fill(filler)
  const gauge = async (name: string) =>
    (await world.link.call('metrics', {})).find((metric) => metric.name === name)!.samples[0]!.value
  const caller = await place(CALLER)
  await until('the second talk', () => heard(caller, 700) >= 2, 12_000)
  assert.deepEqual(codes, ['recording-failed'])
  assert.ok(heard(caller, 425) >= 4, 'a prompt is heard')
  assert.ok(said > 500, 'and so is a text, which is not kept')
  assert.equal(await gauge('tieline_journal_disk_full'), 1)
  const before = heard(talking, 700)
  await until('the first talk to go on', () => heard(talking, 700) > before + 2, 3000)
  caller.hangup()
  await until('one call', async () => (await world.link.call('status', {})).calls === 1, 5000)

  rmSync(filler)
  talking.hangup()
  await world.quiet()
  assert.equal(await gauge('tieline_journal_lost_records_total'), 0)
  const events = await world.events()
  const recording = events.filter(({ type }) => type.startsWith('recording.'))
  assert.deepEqual(
    recording.map(({ type, data }) => [type, data.why]),
    [
      ['recording.started', undefined],
      ['recording.failed', 'ENOSPC'],
    ],
  )
  assert.equal(events.filter(({ type }) => type === 'call.cleared').length, 2)
  const leases = await world.leases()
  assert.ok(leases.length > 10 && leases.every(({ released }) => released !== null))
  // The next call is recorded again.
  const again = await place(CALLER)
  await until('it to be recorded', () => codes.length === 2, 9000)
  assert.equal(codes[1], 'recorded')
  again.hangup()
  await world.quiet()
})
