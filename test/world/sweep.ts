import { readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execute } from './namespace.ts'

/** Where worlds keep their files: `<tmp>/tieline-world-<id>`. */
export const WORLD_PREFIX = 'tieline-world-'
const NETNS = '/run/netns'

export interface Owner {
  id: string
  pid: number
  /** Start of that process in clock ticks since boot, so that a pid used again is not taken for the owner. */
  started: string
}

/** When a process began, or null when it is not there. */
export function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

/** Whether a name bears the id: as a word of its own, or as the platform's instance, after `tl`. */
function bears(id: string, name: string): boolean {
  return new RegExp(`(^|[^a-z0-9])(tl)?${id}($|[^a-z0-9])`).test(name)
}

/** The namespaces that bear a world's id: those of the world and those that its platform made. */
export function namespacesOf(id: string): string[] {
  return directoryOf(NETNS).filter((name) => bears(id, name))
}

/** All processes that are in one of these network namespaces, by their pids. */
export function processesIn(names: string[]): { pid: number; namespace: string; command: string }[] {
  const byInode = new Map(names.map((name) => [statSync(join(NETNS, name)).ino, name]))
  const found: { pid: number; namespace: string; command: string }[] = []
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const inode = Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[1])
      const namespace = byInode.get(inode)
      if (!namespace) continue
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      found.push({ pid: Number(pid), namespace, command })
    } catch {
      // It has ended meanwhile.
    }
  }
  return found
}

/**
 * Captures of a world that are still running. They are looked for by what they write, since the namespace that one is in
 * may have lost its name already.
 */
function capturesOf(id: string): { pid: number; command: string }[] {
  return directoryOf('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      return command.startsWith('tcpdump') && command.includes(`/${WORLD_PREFIX}${id}/`) ? [{ pid: Number(pid), command }] : []
    } catch {
      return []
    }
  })
}

/** Control groups that bear the id, deepest first. */
export function groupsOf(id: string): string[] {
  const roots = ['/sys/fs/cgroup']
  const found: string[] = []
  for (let depth = 0; depth < 4; depth++)
    for (const root of roots.splice(0))
      for (const entry of directories(root)) {
        const path = join(root, entry)
        if (bears(id, path)) found.push(path)
        roots.push(path)
      }
  return found.sort((a, b) => b.length - a.length)
}

function directories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

/** Ends and removes all that bears the id of a world, whoever made it. */
export async function sweep(id: string): Promise<void> {
  const names = namespacesOf(id)
  for (let round = 0; round < 100; round++) {
    const processes = [...processesIn(names), ...capturesOf(id)]
    if (!processes.length) break
    for (const { pid } of processes) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  if (names.length) await execute(['ip', '-batch', '-'], names.map((name) => `netns del ${name}\n`).join(''))
  for (const group of groupsOf(id)) {
    try {
      rmdirSync(group)
    } catch {
      // Said by whoever checks what is left.
    }
  }
  for (const socket of directoryOf('/run/wireguard')) if (socket.includes(id)) rmSync(join('/run/wireguard', socket))
  rmSync(join(tmpdir(), WORLD_PREFIX + id), { recursive: true, force: true })
}

function directoryOf(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** What is left of a world, one line a thing: empty after an orderly end. */
export function leftOf(id: string): string[] {
  const names = namespacesOf(id)
  return [
    ...processesIn(names).map(({ pid, namespace, command }) => `process ${pid} in ${namespace}: ${command.slice(0, 300)}`),
    ...capturesOf(id).map(({ pid, command }) => `process ${pid}: ${command}`),
    ...names.map((name) => `namespace ${name}`),
    ...groupsOf(id).map((path) => `control group ${path}`),
    ...directoryOf('/run/wireguard')
      .filter((socket) => socket.includes(id))
      .map((socket) => `socket /run/wireguard/${socket}`),
    ...directoryOf(tmpdir())
      .filter((entry) => entry === WORLD_PREFIX + id)
      .map((entry) => `directory ${join(tmpdir(), entry)}`),
    // A veth whose other end is gone would be in our own namespace.
    ...directoryOf('/sys/class/net')
      .filter((name) => name.includes(id))
      .map((name) => `interface ${name}`),
  ]
}

/** Sweeps the worlds whose owner is no more: what a kill -9 of owner and reaper together may have left. */
export async function sweepOrphans(): Promise<string[]> {
  const swept: string[] = []
  for (const entry of directoryOf(tmpdir()).filter((name) => name.startsWith(WORLD_PREFIX))) {
    try {
      const owner: Owner = JSON.parse(readFileSync(join(tmpdir(), entry, 'owner.json'), 'utf8'))
      if (startOf(owner.pid) === owner.started) continue
      await sweep(owner.id)
      swept.push(owner.id)
    } catch {
      // Not complete yet, or not ours.
    }
  }
  return swept
}
