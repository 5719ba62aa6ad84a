import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MediaCommand } from '#platform/voice/command.ts'
import { Sides } from '#platform/voice/sides.ts'
import { runTurned, Speaker } from './turned-loop.ts'

const LENGTH_MS = 3_600_000
const MINUTE_MS = 60_000
/** Both say something loud at the beginning of each minute, for so long, ms. */
const LOUD_MS = 200
const [LOUD, QUIET] = [0x20, 0xff]
const FORMAT = { codec: 'PCMU', payloadType: 0, ptimeMs: 20 } as const

/** A far end with a clock of its own, on whose way one packet in fifty is lost, and on that of one also all of 5 s now and then. */
function speaker(slot: number, ppm: number, loudAt: number[]): Speaker {
  const made = new Speaker(`192.0.2.${slot + 1}`, QUIET, 1000 + 7 * slot)
  made.frameMs = 20 / (1 + ppm / 1e6)
  let n = slot
  made.arrives = (now) => {
    const into = now % MINUTE_MS
    const says = into < LOUD_MS
    if (says && made.octet === QUIET) loudAt.push(now)
    made.octet = says ? LOUD : QUIET
    n++
    if (slot === 0 && into >= 20_000 && into < 25_000) return false
    return says || (n * 7919) % 50 > 0
  }
  return made
}

test('M11 an hour of both sides of a call, with loss, gaps of 5 s on one of them, and clocks that part by 400 ppm: beside each other to the end', () => {
  /** When each side has begun to say something loud: at a frame of its own. */
  const loudAt: [number[], number[]] = [[], []]
  const speakers = [speaker(0, 200, loudAt[0]), speaker(1, -200, loudAt[1])]
  const describe = (slot: number): MediaCommand => {
    const remote = { address: speakers[slot]!.address, port: speakers[slot]!.port }
    const description = { transport: 'rtp', remote, send: FORMAT, receive: FORMAT, direction: 'sendrecv' } as const
    return { type: 'describe', slot, description, anyHost: false }
  }
  function* script() {
    const open = [0, 1].map((slot): MediaCommand => ({ type: 'open', slot, rtp: 10 + 2 * slot, rtcp: 11 + 2 * slot }))
    const record = [0, 1].map((slot): MediaCommand => ({ type: 'record', slot, record: slot + 1 }))
    yield { at: 1000, commands: [...open, describe(0), describe(1), { type: 'join', a: 0, b: 1 } as MediaCommand] }
    yield { at: 2000, commands: record }
    yield { at: LENGTH_MS, commands: [{ type: 'stop' } as MediaCommand] }
  }
  const sides = new Sides(2, 2)
  /** Where each side becomes loud, ms of the recording. */
  const edges: [number[], number[]] = [[], []]
  const quietFor = [0, 0]
  let samples = 0
  const take = (pcm: Int16Array) => {
    for (const [i, sample] of pcm.entries()) {
      const side = (i % 2) as 0 | 1
      if (Math.abs(sample) < 1000) quietFor[side]!++
      else {
        if (quietFor[side]! > 80_000) edges[side].push((samples + (i >> 1)) / 8)
        quietFor[side] = 0
      }
    }
    samples += pcm.length / 2
  }
  runTurned(
    speakers,
    script(),
    () => {},
    (report) => {
      if (report.type !== 'recorded') return
      sides.push(report.slot, report.pcm)
      take(sides.pull(false))
    },
  )
  assert.ok(samples / 8 > LENGTH_MS - 5000, `${samples / 8} ms`)
  assert.deepEqual([edges[0].length, edges[1].length], [59, 59])
  // The recording began at 2000 ms of the clock; both had spoken at the end of the minute before it.
  const late = [0, 1].map((side) => edges[side]!.map((at, minute) => at + 2000 - loudAt[side]!.at(-59 + minute)!)) as [
    number[],
    number[],
  ]
  for (const [minute, left] of late[0].entries()) {
    const right = late[1][minute]!
    assert.ok(Math.abs(left - right) < 40, `minute ${minute + 1}: ${left} and ${right} ms late`)
    assert.ok(Math.abs(left) < 80 && Math.abs(right) < 80, `minute ${minute + 1}: ${left} and ${right} ms late`)
  }
})
