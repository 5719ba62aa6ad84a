import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '#lib/index.ts'
import { timestampDelta } from '#protocol/rtp/index.ts'
import { sleep, until } from '../peer/clock.ts'
import { DID, World } from './harness.ts'
import { Program } from './program.ts'

/** What stands before libc and tells another time; for programs of several threads. The loader knows what LIB is here. */
const FAKETIME = '/usr/$LIB/faketime/libfaketimeMT.so.1'

const SECONDS = 4
const HELD_UP_MS = 100
const HOUR_MS = 3_600_000

/** Where the wall clock goes, at the beginning of each second. */
const STEPS = ['+1h', '-1h', '+0', '-1h', '+1h']

/** Packets that follow each other within this many ms are a burst. */
const BURST_MS = 2

/** Milliseconds by which the clock of a stream may part from the real one in a minute. */
const LARGEST_ERROR_MS = 20

interface Packet {
  at: number
  ssrc: string
  sequence: number
  timestamp: number
}

/** What the kernel has seen go by from one address to another, as tshark reads it. */
async function packets(file: string, from: string, to: string): Promise<Packet[]> {
  const fields = ['frame.time_epoch', 'rtp.ssrc', 'rtp.seq', 'rtp.timestamp'].flatMap((field) => ['-e', field])
  const filter = `ip.src == ${from} && ip.dst == ${to} && rtp`
  const args = ['-r', file, '-o', 'rtp.heuristic_rtp:TRUE', '-Y', filter, '-T', 'fields', ...fields]
  const text = await run('tshark', args, { timeoutMs: 30_000 })
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [at, ssrc, sequence, timestamp] = line.split('\t') as [string, string, string, string]
      return { at: Number(at) * 1000, ssrc, sequence: Number(sequence), timestamp: Number(timestamp) }
    })
}

async function stopCapture(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  await ended
}

test('M07 a wall clock that steps by hours and a voice process that is held up each second: the stream keeps the time', {
  timeout: 60_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tl-clock-'))
  const clock = join(directory, 'clock')
  writeFileSync(clock, '+0')
  await using world = await World.open({
    voice: true,
    env: {
      ...{ LD_PRELOAD: FAKETIME, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1' },
      ...{ FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' },
    },
  })
  world.defer(() => rmSync(directory, { recursive: true }))
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.play', { tone: [{ frequencies: [700], onMs: 1000, offMs: 0 }], totalMs: 60_000 })
  })
  const voice = world.child('voice').pid!
  assert.match(readFileSync(`/proc/${voice}/maps`, 'utf8'), /libfaketime/)
  const file = join(directory, 'wire.pcap')
  const capture = spawn('tcpdump', ['-i', 'lo', '-n', '-U', '-Z', 'root', '-w', file, `udp and host ${world.node.address}`])
  await once(capture.stderr, 'data')
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
  await until('the tone', () => (call.report().media?.heard ?? []).some(({ what }) => what === 700), 4000)
  for (let second = 0; second < SECONDS; second++) {
    writeFileSync(clock, STEPS[second % STEPS.length]!)
    await sleep(1000 - HELD_UP_MS)
    process.kill(voice, 'SIGSTOP')
    await sleep(HELD_UP_MS)
    process.kill(voice, 'SIGCONT')
  }
  call.hangup()
  await world.quiet()
  await stopCapture(capture)
  const sent = await packets(file, world.node.address, `${world.net}.2`)
  assert.ok(sent.length > SECONDS * 30, `${sent.length} packets`)
  assert.equal(new Set(sent.map(({ ssrc }) => ssrc)).size, 1)
  let burst = 1
  let longest = 1
  for (const [i, packet] of sent.slice(1).entries()) {
    const before = sent[i]!
    assert.equal(packet.sequence, (before.sequence + 1) & 0xffff)
    assert.ok(timestampDelta(packet.timestamp, before.timestamp) >= 160)
    burst = packet.at - before.at < BURST_MS ? burst + 1 : 1
    longest = Math.max(longest, burst)
  }
  assert.ok(longest <= 3, `${longest} packets at once`)
  // How far each packet's time is before the clock; those that are in time show where the stream's clock is.
  const [first] = sent
  const ahead = sent.map(({ at, timestamp }) => timestampDelta(timestamp, first!.timestamp) / 8 - (at - first!.at))
  const quarter = ahead.length >> 2
  const error = Math.max(...ahead.slice(-quarter)) - Math.max(...ahead.slice(0, quarter))
  assert.ok(Math.abs(error) < LARGEST_ERROR_MS, `${error} ms`)
  const told = (await world.events()).map(({ at }) => Date.parse(at))
  assert.ok(Math.max(...told) - Math.min(...told) > HOUR_MS / 2, 'the processes have seen the steps')
})
