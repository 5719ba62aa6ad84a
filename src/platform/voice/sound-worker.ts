import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { TielineError } from '#lib/index.ts'
import { openSound, type SoundFile, unreadable } from '#protocol/soundfile/index.ts'
import type { SoundCommand, SoundReport } from './sound-command.ts'
import { Filling, Pouring } from './sound-task.ts'

/** The largest file that is played: ten minutes of CD sound. */
const LARGEST_FILE = 110 << 20

/** How often rings that were full are looked at, ms: much less than they hold. */
const LOOK_MS = 250

/** What an open file is: its descriptor, and what stands in it. */
interface Open {
  fd: number
  sound: SoundFile
  task: Filling | Pouring | null
}

const port = parentPort!
const files = new Map<number, Open>()
let timer: NodeJS.Timeout | undefined
let turning = false

function report(message: SoundReport): void {
  port.postMessage(message)
}

/** A file, and nothing else that has a name: a pipe would hold the thread up. */
function openFile(path: string): number {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    throw unreadable('it can not be read', error)
  }
  const stat = fstatSync(fd)
  if (stat.isFile() && stat.size <= LARGEST_FILE) return fd
  closeSync(fd)
  throw unreadable(stat.isFile() ? 'it is too large' : 'it is not a file')
}

function contentOf(fd: number, size: number): string {
  const hash = createHash('sha256')
  const piece = Buffer.alloc(1 << 16)
  for (let at = 0; at < size; at += piece.length) hash.update(piece.subarray(0, readSync(fd, piece, 0, piece.length, at)))
  return hash.digest('hex')
}

async function open({ file, path, keepUpTo }: Extract<SoundCommand, { type: 'open' }>): Promise<void> {
  const fd = openFile(path)
  try {
    const { size } = fstatSync(fd)
    const sound = await openSound({ size, read: (position, into) => readSync(fd, into, 0, into.length, position) }, path)
    files.set(file, { fd, sound, task: null })
    report({ type: 'opened', file, samples: sound.samples, content: sound.samples > keepUpTo ? null : contentOf(fd, size) })
  } catch (error) {
    files.delete(file)
    closeSync(fd)
    throw error
  }
}

function close(file: number): void {
  const held = files.get(file)
  if (!held) return
  files.delete(file)
  held.task?.close()
  closeSync(held.fd)
}

/** A fault of the file is told to its owner; any other is ours. */
function fail(file: number, error: unknown): void {
  close(file)
  const mine = !(error instanceof TielineError)
  report({ type: 'failed', file, why: error instanceof Error ? error.message : String(error), mine })
}

/** One piece of each file's sound, again and again while there is anything to do. */
async function turn(): Promise<void> {
  let busy = false
  for (const [file, { task }] of files) {
    if (!task) continue
    try {
      const step = await task.step()
      if (files.get(file)?.task !== task) continue
      if (task.readyNow) report({ type: 'ready', file })
      if (step === 'done' && task instanceof Filling) {
        report({ type: 'filled', file })
        close(file)
      } else busy ||= step === 'more'
    } catch (error) {
      fail(file, error)
    }
  }
  const waiting = [...files.values()].some(({ task }) => task && !task.over)
  timer = undefined
  turning = false
  if (busy) begin()
  else if (waiting) timer = setTimeout(begin, LOOK_MS)
}

function begin(): void {
  if (turning) return
  turning = true
  clearTimeout(timer)
  setImmediate(() => void turn())
}

function obey(command: SoundCommand): void {
  switch (command.type) {
    case 'open':
      open(command).catch((error: unknown) => fail(command.file, error))
      return
    case 'fill':
    case 'pour': {
      const held = files.get(command.file)
      if (!held) return
      held.task = command.type === 'fill' ? new Filling(held.sound, command) : new Pouring(held.sound, command)
      begin()
      return
    }
    case 'close':
      close(command.file)
      return
    case 'ping':
      report({ type: 'pong' })
  }
}

port.on('message', obey)
