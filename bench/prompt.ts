import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '#lib/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import { bytesOf, openSound } from '#protocol/soundfile/index.ts'
import { VoiceProcess } from '../test/interop/voice-process.ts'
import type { Figure } from './figure.ts'
import { type Carried, counted, description, Load } from './relay.ts'

/** Calls that hear one and the same file, over and over. */
const CALLS = 100
const SECONDS = 5
const PORTS = { first: 8000, last: 20_999 }

/** What a call costs that hears a file, in G.711 and in Opus, and whether each gets all of its frames. */
export async function measure(): Promise<Figure[]> {
  const decoding = await decoded()
  return [...(await figures('PCMU')), ...(await figures('opus')), ...decoding]
}

async function figures(codec: CodecName): Promise<Figure[]> {
  const { cpu, missing } = await carry(codec, CALLS)
  const figure = { must: null, aim: null, peer: null } as const
  const what = codec === 'PCMU' ? 'prompts' : `prompts in ${codec}`
  return [
    { ...figure, name: `${CALLS} ${what}, CPU a call-second`, value: cpu, unit: 'ms', better: 'lower' },
    { ...figure, name: `${what}, calls a core`, value: 1000 / cpu, unit: 'calls', better: 'higher' },
    { ...figure, name: `${what}, frames missing`, value: missing, unit: 'frames', must: 0, better: 'lower' },
  ]
}

/** So many calls hear a file at once. */
export async function carry(codec: CodecName, calls: number): Promise<Carried> {
  await using voice = await VoiceProcess.start(PORTS)
  using load = new Load()
  const file = join(voice.directory, 'prompt.ulaw')
  writeFileSync(
    file,
    Uint8Array.from({ length: 8000 * SECONDS }, (_, i) => (i * 7) & 0xff),
  )
  const { ports } = await load.ask<{ ports: number[] }>({ open: calls })
  await load.ask({ speak: ports.map(() => codec) })
  for (const port of ports) {
    const endpoint = newId('med')
    await voice.call('endpoint.open', { call: newId('call'), endpoint, realm: 'node' })
    await voice.call('endpoint.describe', { endpoint, description: description(port, codec) })
    void voice.call('play', { endpoint, verb: newId('verb'), source: { file }, loop: 1000 }).catch(() => {})
  }
  return await counted(load, voice, calls, { endless: true, mute: true })
}

/** What it costs to look a file through and to decode it, and how much of it is before the first second is there. */
async function decoded(): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'tl-bench-'))
  try {
    const wav = join(directory, 'a.wav')
    const minutes = 4
    execFileSync('sox', ['-n', '-r', '44100', '-c', '2', '-b', '16', wav, 'synth', `${60 * minutes}`, 'pinknoise', 'vol', '0.3'])
    execFileSync('lame', ['--quiet', '-b', '128', wav, join(directory, 'a.mp3')])
    execFileSync('opusenc', ['--quiet', '--bitrate', '64', wav, join(directory, 'a.opus')])
    const figures: Figure[] = []
    for (const name of ['a.mp3', 'a.opus', 'a.mp3', 'a.opus']) {
      const bytes = readFileSync(join(directory, name))
      const before = process.cpuUsage()
      const file = await openSound(bytesOf(bytes), name)
      for (const _piece of await file.sound(0));
      const { user, system } = process.cpuUsage(before)
      const value = (user + system) / 1000 / minutes
      const what = name.endsWith('mp3') ? 'MP3, 128 kbit/s' : 'Ogg Opus, 64 kbit/s'
      figures.push({
        name: `${what}, stereo: CPU a minute of sound`,
        value,
        unit: 'ms',
        better: 'lower',
        must: null,
        aim: null,
        peer: null,
      })
    }
    // The first round has warmed it up.
    return figures.slice(2)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
