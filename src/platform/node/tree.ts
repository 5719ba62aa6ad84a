import { copyFileSync, linkSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Confinement } from '#lib/index.ts'

/** Where the installed tree is, and where the platform's accounts see it. */
export interface Tree {
  /** As root sees it. */
  root: string
  /** As every child sees it. */
  seen: string
}

/**
 * What lets an account read the tree although a directory above it may be closed: in the child's own mount namespace it
 * appears, read-only, in the state directory. Always so, wherever the tree is: one way is tried more often than two.
 */
export function treeBind(tree: Tree): NonNullable<Confinement['binds']>[number] {
  return { from: tree.root, to: tree.seen, readOnly: true }
}

/** The command that runs a TypeScript file of the tree on the tree's own Node. */
export function nodeCommand(tree: Tree, file: string, flags: readonly string[] = []): string[] {
  return [nodeBinary(tree.seen), ...flags, join(tree.seen, file)]
}

/** Lets a process find what set-up has compiled: it starts in a third of the CPU. Root alone writes there. */
export function compiledCode(tree: Tree): Record<string, string> {
  return { NODE_COMPILE_CACHE: join(tree.seen, 'node_modules/.cache/tieline-compile'), NODE_COMPILE_CACHE_PORTABLE: '1' }
}

/**
 * What V8 is told for the switch. Its young generation would grow to 128 MiB where much begins at once, and gains nothing by it. The
 * old one is left alone: to collect earlier what transactions leave costs a tenth of all CPU (docs/performance.md).
 */
export const SWITCH_FLAGS: readonly string[] = ['--max-semi-space-size=32']

export function nodeBinary(root: string): string {
  return join(root, `node_modules/node-linux-${process.arch}/bin/node`)
}

/** Whether every account can reach a path. */
export function isOpen(path: string): boolean {
  if ((statSync(path).mode & 0o005) !== 0o005) return false
  for (let at = dirname(path); at !== '/'; at = dirname(at)) if ((statSync(at).mode & 0o001) === 0) return false
  return true
}

/**
 * The Node binary at a path that an agent's uid can reach: bubblewrap binds by path. A hard link where that can be, since
 * then its pages in memory are one; else a copy, made again only when the binary is another.
 */
export function reachableNode(root: string, directory: string): string {
  const source = nodeBinary(root)
  if (isOpen(source)) return source
  const target = join(directory, 'node')
  const from = statSync(source)
  const there = statSync(target, { throwIfNoEntry: false })
  if (there && (there.ino === from.ino || (there.size === from.size && there.mtimeMs >= from.mtimeMs))) return target
  rmSync(target, { force: true })
  try {
    linkSync(source, target)
  } catch {
    copyFileSync(source, target)
  }
  return target
}
