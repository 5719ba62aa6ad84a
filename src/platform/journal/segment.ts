import { closeSync, fstatSync, ftruncateSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { lineAt, positionIn } from './line.ts'
import type { Carried } from './live.ts'
import type { WrittenRecord } from './told.ts'

/** One file of the journal; its name is the position that its records begin at. */
export interface Segment {
  first: number
  path: string
  bytes: number
}

/** The first line of a segment. */
export interface Head {
  type: 'segment'
  first: number
  carried: Carried
}

const SUFFIX = '.journal'

export function segmentPath(directory: string, first: number): string {
  return join(directory, `${String(first).padStart(16, '0')}${SUFFIX}`)
}

/** The segments of a directory, oldest first. */
export function segmentsIn(directory: string): Segment[] {
  return readdirSync(directory)
    .filter((name) => /^\d{16}\.journal$/.test(name))
    .sort()
    .map((name) => ({ first: Number(name.slice(0, -SUFFIX.length)), path: join(directory, name), bytes: 0 }))
}

/**
 * Reads a segment from its beginning, giving each good record to `take`. `end` is where the last good line ends: what
 * follows it was torn by a crash. `damaged` counts bad lines that good ones follow.
 */
export function scan(
  segment: Segment,
  take: (position: number, record: WrittenRecord) => void,
): { end: number; size: number; damaged: number } {
  const bytes = readFileSync(segment.path)
  let end = 0
  let damaged = 0
  let bad = 0
  for (let at = 0; ; ) {
    const line = lineAt(bytes, at)
    if (!line) return { end, size: bytes.length, damaged }
    at = line.end
    if ('damaged' in line) {
      bad++
      continue
    }
    damaged += bad
    bad = 0
    end = line.end
    for (const [i, record] of line.records.entries()) take(positionIn(line, i), record)
  }
}

/** Opens a segment for appending, cut to `bytes`. */
export function openToAppend(path: string, bytes: number): number {
  const fd = openSync(path, 'a', 0o600)
  if (fstatSync(fd).size > bytes) ftruncateSync(fd, bytes)
  return fd
}

const CHUNK = 256 * 1024

/**
 * Walks the good records of a segment from `offset` on until `take` says false or the file ends. Answers with the offset
 * behind the last line that was taken as a whole.
 */
export function walk(segment: Segment, offset: number, take: (position: number, record: WrittenRecord) => boolean): number {
  const fd = openSync(segment.path, 'r')
  try {
    let chunk = Buffer.allocUnsafe(CHUNK)
    for (;;) {
      const size = readSync(fd, chunk, 0, chunk.length, offset)
      const bytes = chunk.subarray(0, size)
      let at = 0
      for (let line = lineAt(bytes, at); line; line = lineAt(bytes, at)) {
        if (!('damaged' in line) && !line.records.every((record, i) => take(positionIn(line, i), record))) return offset + at
        at = line.end
      }
      offset += at
      if (size < chunk.length) return offset
      if (at === 0) chunk = Buffer.allocUnsafe(chunk.length * 2)
    }
  } finally {
    closeSync(fd)
  }
}
