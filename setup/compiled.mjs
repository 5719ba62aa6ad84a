import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * V8's compiled code of a module that is no more would stay for ever: it is known by its place, and nobody asks for it there. So where
 * one of the `files` of which `list` tells has gone, or nobody knows which there were, all of the cache goes, to be made anew.
 */
export function forgetGone({ cache, list, files }) {
  const known = existsSync(list) ? readFileSync(list, 'utf8').split('\n') : null
  const there = new Set(files)
  if (!known?.every((file) => there.has(file))) rmSync(cache, { recursive: true, force: true })
  mkdirSync(dirname(list), { recursive: true })
  // What another tree shares by a hard link is not ours to write into.
  rmSync(list, { force: true })
  writeFileSync(list, files.join('\n'))
}
