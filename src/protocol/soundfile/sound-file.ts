import { RATE } from '#protocol/audio/index.ts'
import { type Bytes, tag } from './bytes.ts'
import { openMp3 } from './mp3.ts'
import { openOggOpus } from './ogg-opus.ts'
import { openRaw, rawFormat } from './raw.ts'
import { unreadable } from './unreadable.ts'
import { openWav } from './wav.ts'

/** A file that was looked through: what it is, and how long. */
export interface SoundFile {
  format: 'wav' | 'mp3' | 'ogg-opus' | 'raw'
  /** Of 8 kHz, in all. */
  samples: number
  /** Its sound from a sample on, piece by piece: mono, 8 kHz, pieces of about a second at most. May be asked for again. */
  sound(from: number): Promise<Generator<Int16Array, void, void>>
}

/** The longest sound that is played: two hours. A file of minutes can hold days of silence. */
export const LONGEST = 7200 * RATE

/**
 * Looks a sound file through, from its first byte to its last, without making any sound of it. It is taken for what its bytes
 * are, whatever its name; files without a header are raw sound by their name. Holds 64 KiB of it at a time, however large it is.
 * Rejects with TielineError `invalid-sound`: of no known form, cut short, damaged, too long.
 */
export async function openSound(bytes: Bytes, name: string): Promise<SoundFile> {
  const file = await recognise(bytes, name)
  if (file.samples > LONGEST) throw unreadable('it is longer than two hours')
  if (file.samples === 0) throw unreadable('it holds no sound')
  return file
}

async function recognise(bytes: Bytes, name: string): Promise<SoundFile> {
  const raw = rawFormat(name)
  if (raw) return openRaw(bytes, raw)
  const head = new Uint8Array(12)
  const length = bytes.read(0, head)
  if (length === 0) throw unreadable('it is empty')
  if (tag(head, 0, 4) === 'RIFF') return openWav(bytes)
  if (tag(head, 0, 4) === 'OggS') return openOggOpus(bytes)
  return openMp3(bytes)
}
