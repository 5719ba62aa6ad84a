import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import { LINKS } from '#platform/words/index.ts'
import { FRAME, writeFrame, writeSamples } from '#protocol/stream/index.ts'
import { until } from '../peer/clock.ts'
import { VoiceProcess } from './voice-process.ts'

const CYCLES = 500
/** Cycles before it is looked at what the process holds: by then it has loaded all that it ever loads. */
const WARM = 60
/** Calls that go through cycles at once. */
const AT_ONCE = 4
/** One engine and one program in so many dies instead of being stopped. */
const DIES = 5
/** One cycle in so many speaks, too: always something new, which no cache has. */
const SPEAKS = 5
/** MiB that a process which has done nothing but this may have grown by: its heap breathes, but does not grow by the cycle. */
const BREATH = 64

/** Its children, by their process ids: recognisers and speech programs. */
function children(pid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((child) => {
      try {
        return readFileSync(`/proc/${child}/stat`, 'utf8').split(') ')[1]!.split(' ')[1] === String(pid)
      } catch {
        return false
      }
    })
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

function held(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    files: readdirSync(`/proc/${pid}/fd`).length,
    threads: Number(/Threads:\s+(\d+)/.exec(status)![1]),
    mebibytes: Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024,
  }
}

/** A caller is listened to, for words and for who it is, spoken to and streamed, and each of it ends before its time. */
async function cycle(voice: VoiceProcess, endpoint: `med_${string}`, i: number): Promise<string[]> {
  const [gather, say, stream, detection] = [newId('verb'), newId('verb'), newId('verb'), newId('verb')]
  const speaks = i % SPEAKS === 1
  const speech = { language: 'en', silenceMs: 800, maxMs: 30_000, bargeIn: true, phrases: ['Sales', 'Support'] }
  const ends = [
    voice.call('gather', { endpoint, verb: gather, timeoutMs: 60_000, interDigitTimeoutMs: 60_000, speech }),
    ...(speaks ? [voice.call('play', { endpoint, verb: say, source: { say: `${i}. Welcome to Acme.` } })] : []),
    // Asked again, as by a switch that was started anew.
    ...[1, 2].map(() => voice.call('detect', { endpoint, verb: detection, amd: {} })),
    voice.call('stream', { endpoint, verb: stream, rateHz: 16_000, hear: true, live: i % 2 === 0, uid: process.getuid!() }),
  ].map((end) =>
    end.then(
      ({ reason }) => reason as string,
      (error) => error.verdict.code as string,
    ),
  )
  const { token } = await voice.call('stream.ticket', { verb: stream })
  const program = net.connect(join(voice.directory, LINKS.audio(0)))
  program.on('error', () => {})
  program.write(Buffer.concat([writeFrame(FRAME.hello, Buffer.from(token)), writeSamples(new Int16Array(1600))]))
  await once(program, 'data')
  const dies = i % DIES === 0
  if (dies) {
    program.destroy()
    // An engine of any of those that are being listened with: each of them has an end all the same.
    for (const pid of children(voice.pid)) kill(pid)
  }
  await Promise.all([gather, say, stream, detection].map((verb) => voice.call('stop', { verb })))
  const reasons = await Promise.all(ends)
  program.resume()
  if (!program.destroyed) await once(program, 'close')
  return reasons
}

test(`C11 ${CYCLES} times listened, spoken and streamed, and given up or killed: nothing is left`, async () => {
  await using voice = await VoiceProcess.start({ first: 23_000, last: 23_999 })
  const endpoints = await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      const endpoint = newId('med')
      await voice.call('endpoint.open', { call: newId('call'), endpoint, realm: 'node' })
      return endpoint
    }),
  )
  const reasons = new Map<string, number>()
  let next = 0
  const cycles = async (upTo: number) => {
    await Promise.all(
      endpoints.map(async (endpoint) => {
        while (next < upTo)
          for (const reason of await cycle(voice, endpoint, next++)) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      }),
    )
    await until('no process to be left', () => children(voice.pid).length === 0, 5000)
  }
  await cycles(WARM)
  const before = held(voice.pid)
  await cycles(CYCLES)
  await until('no file to be left', () => held(voice.pid).files <= before.files, 5000)
  const after = held(voice.pid)
  assert.equal(after.threads, before.threads)
  assert.ok(after.mebibytes < before.mebibytes + BREATH, `from ${before.mebibytes} to ${after.mebibytes} MiB`)
  // Every verb has ended, and each in one of the ways in which it may.
  const sum = [...reasons.values()].reduce((a, b) => a + b, 0)
  assert.equal(sum, 4 * CYCLES + CYCLES / SPEAKS)
  const may = ['stopped', 'agent-gone', 'recognition-failed', 'speech-failed', 'interrupted', 'done']
  assert.deepEqual(
    [...reasons.keys()].filter((reason) => !may.includes(reason)),
    [],
  )
  assert.ok(reasons.get('agent-gone')! > 0 && reasons.get('stopped')! > CYCLES / 2)
  const { endpoints: open, portsInUse } = await voice.call('status', {})
  assert.deepEqual([open, portsInUse], [AT_ONCE, AT_ONCE])
  for (const endpoint of endpoints) await voice.call('endpoint.close', { endpoint })
  assert.equal((await voice.call('status', {})).endpoints, 0)
})
