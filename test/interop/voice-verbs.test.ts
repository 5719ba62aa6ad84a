import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId, run } from '#lib/index.ts'
import { RecordingReader } from '#platform/recording/index.ts'
import { heardTone, level, toneCycle, writeWav } from '#protocol/audio/index.ts'
import { timestampDelta } from '#protocol/rtp/index.ts'
import { readWav } from '#protocol/soundfile/index.ts'
import { pause, until } from './voice-phone.ts'
import { joinedLegs, openLeg, startVoice } from './voice-scene.ts'

const TONES = [440, 700, 1000]
const KEY = Buffer.alloc(32, 9)

/** What a recording on one channel, or two, is asked with. */
function sealed(file: string, channels: 1 | 2 = 1) {
  const about = { id: newId('rec'), subscriber: newId('sub'), call: newId('call'), startedAt: '2026-11-01T00:00:00.000Z' }
  return { file, key: KEY.toString('base64'), header: { ...about, channels, sealedKey: 'v1.test' as const } }
}

/** The WAV file that a recording is. */
async function opened(file: string): Promise<{ bytes: Buffer; complete: boolean }> {
  await using reader = await RecordingReader.open(file, () => KEY)
  const parts: Buffer[] = []
  for await (const part of reader.read(0, reader.bytes)) parts.push(part)
  return { bytes: Buffer.concat(parts), complete: reader.complete }
}

const tone = (hz: number, totalMs: number) => ({ tone: [{ frequencies: [hz], onMs: 1000, offMs: 0 }], totalMs })

test('a tone, a file and speech are heard, one after the other, as one paced stream (M06, M07)', async (t) => {
  const voice = await startVoice(t)
  const { endpoint, phone } = await openLeg(t, voice, newId('call'), 'node', { codec: 'PCMA' })
  const play = (source: Parameters<typeof voice.call<'play'>>[1]['source'], loop = 1) =>
    voice.call('play', { endpoint, verb: newId('verb'), source, loop })
  assert.deepEqual(await play(tone(440, 500)), { reason: 'done', playedMs: 500 })
  assert.equal(phone.tone(TONES), 440)
  const file = join(voice.directory, 'prompt.wav')
  await run('sox', ['-n', '-r', '44100', '-c', '2', '-b', '16', file, 'synth', '0.3', 'sine', '700'])
  assert.deepEqual(await play({ file }, 2), { reason: 'done', playedMs: 600 })
  assert.equal(phone.tone(TONES), 700)
  const before = phone.heard.length
  const said = await play({ say: 'Please hold the line.', language: 'en' })
  assert.ok(said.reason === 'done' && said.playedMs > 700)
  assert.ok(level(phone.sound(before)) > 300)
  const { heard } = phone
  assert.equal(new Set(heard.map(({ ssrc }) => ssrc)).size, 1)
  assert.equal(heard.filter(({ marker }) => marker).length, 3)
  for (const [i, packet] of heard.slice(1).entries()) {
    assert.equal(packet.sequence, (heard[i]!.sequence + 1) & 0xffff)
    assert.ok(timestampDelta(packet.timestamp, heard[i]!.timestamp) >= 160)
  }
  const [first, last] = [heard[0]!, heard.at(-1)!]
  const drift = timestampDelta(last.timestamp, first.timestamp) / 8 - (last.at - first.at)
  assert.ok(Math.abs(drift) < 3 * 20, `${drift} ms of drift`)
})

test('a prompt ends by stop, by another prompt, by being joined, and by the end of its endpoint', async (t) => {
  const voice = await startVoice(t)
  const call = newId('call')
  const a = await openLeg(t, voice, call, 'node')
  const b = await openLeg(t, voice, call, 'node')
  const play = (hz: number, verb = newId('verb')) =>
    voice.call('play', { endpoint: a.endpoint, verb, source: tone(hz, 60_000), loop: 0 })
  const verb = newId('verb')
  const stopped = play(440, verb)
  await until('it is heard', () => a.phone.tone(TONES) === 440)
  await voice.call('stop', { verb })
  const { reason, playedMs } = await stopped
  assert.ok(reason === 'stopped' && playedMs >= 200 && playedMs < 5000)
  const interrupted = play(440)
  const joined = play(700)
  assert.equal((await interrupted).reason, 'interrupted')
  await until('the other is heard', () => a.phone.tone(TONES) === 700)
  await voice.call('endpoint.join', { a: a.endpoint, b: b.endpoint })
  assert.equal((await joined).reason, 'interrupted')
  const gone = play(1000)
  const recorded = voice.call('record', {
    ...{ endpoint: a.endpoint, verb: newId('verb'), ...sealed(join(voice.directory, 'gone')) },
    ...{ maxMs: 60_000, silenceMs: 0, beep: false },
  })
  const gathered = voice.call('gather', {
    endpoint: a.endpoint,
    verb: newId('verb'),
    timeoutMs: 60_000,
    interDigitTimeoutMs: 1000,
  })
  await until('it is heard', () => a.phone.tone(TONES) === 1000)
  await voice.call('endpoint.close', { endpoint: a.endpoint })
  assert.equal((await gone).reason, 'gone')
  assert.equal((await recorded).reason, 'gone')
  assert.equal((await gathered).reason, 'gone')
  assert.deepEqual(await play(440), { reason: 'gone', playedMs: 0 })
  const watched = voice.call('endpoint.watch', { endpoint: a.endpoint, timeoutMs: 1 })
  await assert.rejects(watched, (error: { verdict?: { code?: string } }) => error.verdict?.code === 'call-gone')
})

test('M08 digits are gathered, the first one ends the prompt within 300 ms', async (t) => {
  const voice = await startVoice(t)
  const { endpoint, phone } = await openLeg(t, voice, newId('call'), 'node')
  const gathered = voice.call('gather', {
    ...{ endpoint, verb: newId('verb'), prompt: tone(440, 30_000), maxDigits: 4, finishKey: '#' },
    ...{ timeoutMs: 5000, interDigitTimeoutMs: 2000 },
  })
  await until('the prompt is heard', () => phone.tone(TONES) === 440)
  phone.press('1')
  const pressed = performance.now()
  await pause(3 * 300)
  const packets = phone.heard.length
  await pause(100)
  assert.equal(phone.heard.length, packets, 'the prompt has ended')
  assert.ok(phone.heard.at(-1)!.at - pressed < 3 * 300)
  for (const key of '22#') phone.press(key)
  assert.deepEqual(await gathered, { digits: '122', reason: 'finish-key' })
  const digits = voice.told.flatMap(({ name, params }) => (name === 'digit' ? [params.digit] : []))
  assert.deepEqual(digits, ['1', '2', '2', '#'])
  const silent = voice.call('gather', { endpoint, verb: newId('verb'), timeoutMs: 100, interDigitTimeoutMs: 100 })
  assert.deepEqual(await silent, { digits: '', reason: 'timeout' })
})

test('a recording has what was said, sox reads it, and a key ends it', async (t) => {
  const voice = await startVoice(t)
  const { endpoint, phone } = await openLeg(t, voice, newId('call'), 'node')
  const file = join(voice.directory, 'one')
  const recording = voice.call('record', {
    endpoint,
    verb: newId('verb'),
    ...sealed(file),
    maxMs: 20_000,
    silenceMs: 0,
    beep: true,
    finishKey: '#*',
  })
  await until('the beep is heard', () => phone.tone(TONES) === 1000)
  await pause(150)
  phone.speak(440)
  await pause(1000)
  phone.quiet()
  phone.press('#')
  const { durationMs, bytes, reason } = await recording
  assert.equal(reason, 'finish-key')
  assert.equal(readFileSync(file).length, bytes)
  const wav = await opened(file)
  assert.ok(wav.complete)
  const heard = `${file}.wav`
  writeFileSync(heard, wav.bytes)
  const pcm = readWav(wav.bytes)
  assert.equal(heardTone(pcm.subarray(4000, 8000), TONES), 440)
  const stat = await run('soxi', [heard])
  assert.match(stat, /Sample Rate {4}: 8000/)
  const seconds = Number(await run('soxi', ['-D', heard]))
  assert.ok(Math.abs(seconds * 1000 - durationMs) < 2 && seconds > 0.9 && seconds < 4, `${seconds} s`)
})

test('a recording ends by silence and at its longest', async (t) => {
  const voice = await startVoice(t)
  const { endpoint, phone } = await openLeg(t, voice, newId('call'), 'node')
  const record = (name: string, maxMs: number, silenceMs: number) =>
    voice.call('record', { endpoint, verb: newId('verb'), ...sealed(join(voice.directory, name)), maxMs, silenceMs, beep: false })
  phone.speak(440)
  const longest = await record('longest.wav', 500, 0)
  assert.deepEqual([longest.reason, longest.durationMs], ['max', 500])
  assert.equal((await opened(longest.file)).bytes.length, 44 + 8000)
  setTimeout(() => phone.quiet(), 200)
  const silence = await record('silence.wav', 20_000, 400)
  assert.ok(silence.reason === 'silence' && silence.durationMs >= 400 && silence.durationMs < 2000)
})

test('M11 both sides of a call are recorded beside each other, and what is said in a pause is left out', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  a.phone.speak(440)
  b.phone.speak(1000)
  const file = join(voice.directory, 'both')
  const verb = newId('verb')
  const recording = voice.call('record', {
    ...{ endpoint: a.endpoint, other: b.endpoint, verb, ...sealed(file, 2) },
    ...{ maxMs: 20_000, silenceMs: 0, beep: false },
  })
  await pause(1000)
  await voice.call('record.pause', { verb, paused: true })
  await pause(1000)
  await voice.call('record.pause', { verb, paused: false })
  await pause(500)
  await voice.call('endpoint.close', { endpoint: b.endpoint })
  const { reason, durationMs } = await recording
  assert.equal(reason, 'gone')
  assert.ok(durationMs > 700 && durationMs < 2200, `${durationMs} ms`)
  const { bytes, complete } = await opened(file)
  assert.ok(complete && bytes.readUInt16LE(22) === 2)
  const pcm = new Int16Array(bytes.buffer.slice(bytes.byteOffset + 44, bytes.byteOffset + bytes.length))
  // Well before the pause: where sound goes on after it, a tone has another phase.
  const side = (offset: 0 | 1) => pcm.filter((_, i) => i % 2 === offset).subarray(1000, 4400)
  assert.equal(heardTone(side(0), TONES), 440)
  assert.equal(heardTone(side(1), TONES), 1000)
})

test('M12 a disk that is full fails the recording and nothing else', async (t) => {
  const voice = await startVoice(t)
  const { a, b } = await joinedLegs(t, voice)
  a.phone.speak(440)
  const file = join(voice.directory, 'big.wav')
  // The process may not write beyond 10 kB of a file: the write fails as on a full disk.
  await run('prlimit', ['--pid', String(voice.pid), '--fsize=10000'])
  const recording = voice.call('record', {
    endpoint: a.endpoint,
    verb: newId('verb'),
    ...sealed(file),
    maxMs: 1500,
    silenceMs: 0,
    beep: false,
  })
  await assert.rejects(recording, (error: { verdict?: { code?: string } }) => error.verdict?.code === 'recording-failed')
  assert.equal(b.phone.tone(TONES), 440)
})

test('M11 a process that is killed at any moment leaves a recording of all but the last 2 s, in one channel and in two', async (t) => {
  for (const [channels, afterMs] of [
    [1, 2100],
    [2, 2950],
    [1, 3500],
  ] as const) {
    const voice = await startVoice(t)
    const { a, b } = await joinedLegs(t, voice)
    a.phone.speak(440)
    b.phone.speak(1000)
    await until('both to hear', () => a.phone.tone(TONES) === 1000 && b.phone.tone(TONES) === 440)
    const file = join(voice.directory, 'killed')
    const sides = channels === 2 ? { other: b.endpoint } : {}
    const params = { ...sealed(file, channels), ...sides, maxMs: 20_000, silenceMs: 0, beep: false }
    const recording = voice.call('record', { endpoint: a.endpoint, verb: newId('verb'), ...params })
    recording.catch(() => {})
    await until('it to begin', () => existsSync(file))
    const began = performance.now()
    await pause(afterMs)
    voice.child.kill('SIGKILL')
    const lasted = performance.now() - began
    await voice.exited
    const { bytes, complete } = await opened(file)
    assert.ok(!complete)
    const pcm = new Int16Array(new Uint8Array(bytes.subarray(44)).buffer)
    const keptMs = pcm.length / channels / 8
    assert.ok(keptMs > lasted - 2000 && keptMs <= lasted + 100, `${keptMs} of ${lasted} ms`)
    const side = (offset: number) => pcm.filter((_, i) => i % channels === offset).slice(-4000)
    assert.equal(heardTone(side(0), TONES), 440)
    if (channels === 2) assert.equal(heardTone(side(1), TONES), 1000)
  }
})

test('C10 an endpoint can be closed while its prompt is not yet spoken, and bad sources are refused', async (t) => {
  const voice = await startVoice(t)
  const { endpoint } = await openLeg(t, voice, newId('call'), 'node')
  const play = (source: Parameters<typeof voice.call<'play'>>[1]['source']) =>
    voice.call('play', { endpoint, verb: newId('verb'), source })
  const code = (expected: string) => (error: { verdict?: { code?: string } }) => error.verdict?.code === expected
  mkdirSync(join(voice.directory, 'folder'))
  writeFileSync(join(voice.directory, 'text.wav'), 'no sound')
  await assert.rejects(play({ file: '/nonexistent.wav' }), code('invalid-sound'))
  await assert.rejects(play({ file: join(voice.directory, 'folder') }), code('invalid-sound'))
  await assert.rejects(play({ file: join(voice.directory, 'text.wav') }), code('invalid-sound'))
  await assert.rejects(play({ say: 'x', voice: '--path=/etc' }), code('invalid-argument'))
  const speaking = play({ say: 'one two three '.repeat(200) })
  await voice.call('endpoint.close', { endpoint })
  assert.equal((await speaking).reason, 'gone')
})

test('a file of each law is played as it was, with a header and without', async (t) => {
  const voice = await startVoice(t)
  const { endpoint, phone } = await openLeg(t, voice, newId('call'), 'node')
  const pcm = join(voice.directory, 'pcm.wav')
  writeFileSync(pcm, writeWav(toneCycle([{ frequencies: [700], onMs: 400, offMs: 0 }])))
  for (const law of ['a-law', 'u-law']) {
    const file = join(voice.directory, `${law}.wav`)
    await run('sox', [pcm, '-e', law, '-r', '16000', file])
    phone.heard.length = 0
    await voice.call('play', { endpoint, verb: newId('verb'), source: { file } })
    assert.equal(phone.tone(TONES), 700, law)
  }
  for (const [type, ending] of [
    ['ul', 'ulaw'],
    ['al', 'alaw'],
    ['s16', 'sln'],
  ] as const) {
    const file = join(voice.directory, `raw.${ending}`)
    await run('sox', [pcm, '-t', type, '-r', '8000', file])
    phone.heard.length = 0
    const played = await voice.call('play', { endpoint, verb: newId('verb'), source: { file }, offsetMs: 100 })
    assert.equal(played.playedMs, 900)
    assert.equal(phone.tone(TONES), 700, ending)
  }
})
