import { mkdirSync } from 'node:fs'
import { type JournalRecord, wholeText } from '#platform/words/index.ts'
import { FileJournal } from './file.ts'
import type { Journal, JournalOptions } from './journal.ts'
import { LiveState } from './live.ts'
import { type Head, openToAppend, type Segment, scan, segmentPath, segmentsIn } from './segment.ts'
import { isShort, jsonOf } from './short.ts'

const MEBIBYTE = 1024 * 1024

/**
 * Opens the journal of a directory: reads what former processes have left, cuts a torn last write off, and writes `boot`.
 * @throws the file system's error where the directory cannot be used.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const complete: Required<JournalOptions> = {
    segmentBytes: 16 * MEBIBYTE,
    reserveBytes: 8 * MEBIBYTE,
    backlogBytes: 64 * MEBIBYTE,
    beatMs: 5000,
    syncMs: 50,
    onAppend() {},
    ...options,
  }
  mkdirSync(options.directory, { recursive: true, mode: 0o700 })
  const live = new LiveState()
  const segments = segmentsIn(options.directory)
  let position = 0
  let cutBytes = 0
  let damaged = 0
  for (const segment of segments) {
    position = Math.max(position, segment.first - 1)
    const found = scan(segment, (at, { text, common }) => {
      const record: JournalRecord | Head = JSON.parse(wholeText(text, common))
      if (record.type === 'segment') live.carry(record.carried)
      else live.evolve(record, jsonOf(record, isShort(record)), segment.first, 0)
      position = Math.max(position, at)
    })
    segment.bytes = found.end
    damaged += found.damaged
    cutBytes += found.size - found.end
  }
  if (segments.length === 0) {
    position = origin(options.clock.wall())
    segments.push(create(options.directory, position + 1))
  }
  const active = segments.at(-1)!
  const replay = { ...live.replay(), cutBytes, damaged }
  return new FileJournal(complete, { segments, fd: openToAppend(active.path, active.bytes), live, replay, position })
}

/**
 * Where a journal begins that has no past. Not at 0: when a node has lost its disk, whoever reads on from its last
 * position must find the new records behind it. Sixteen a millisecond is more than any switch writes in the long run.
 */
function origin(wall: number): number {
  return Math.floor(wall) * 16
}

function create(directory: string, first: number): Segment {
  return { first, path: segmentPath(directory, first), bytes: 0 }
}
