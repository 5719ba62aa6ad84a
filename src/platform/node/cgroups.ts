import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, sleep } from '#lib/index.ts'

const ROOT = '/sys/fs/cgroup'

/** Where the machine's cgroup hierarchies are mounted: one in version 2, one a controller in version 1. */
function hierarchies(): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return mounts
    .map((line) => line.split(' '))
    .filter((fields) => ['cgroup', 'cgroup2'].includes(fields[fields.indexOf('-') + 1] ?? ''))
    .map((fields) => fields[4] ?? ROOT)
    .filter((path) => existsSync(path))
}

/** The hierarchy in which our processes are kept together: version 2 where it is mounted, even without controllers. */
function home(): string | null {
  const all = hierarchies()
  return all.find((path) => existsSync(join(path, 'cgroup.controllers'))) ?? all.find((path) => path.endsWith('/pids')) ?? null
}

/**
 * The control group of everything that this instance runs, so that what a host which was killed has left can be found by
 * it and by nothing else. Null where the machine has no cgroups: then the death signal alone must do.
 */
export function instanceGroup(instance: string): string | null {
  const root = home()
  if (!root) return null
  const path = join(root, `tieline-${instance}`, 'platform')
  mkdirSync(path, { recursive: true })
  return path
}

/** Every group of the instance in every hierarchy, the deepest first. */
function groupsOf(instance: string): string[] {
  const found: string[] = []
  const search = (directory: string, depth: number, within: boolean) => {
    for (const entry of directories(directory)) {
      const path = join(directory, entry)
      const ours = within || entry === `tieline-${instance}`
      // An agent's group may be below the group that host itself was started in.
      if (ours || depth < 4) search(path, depth + 1, ours)
      if (ours) found.push(path)
    }
  }
  for (const root of hierarchies()) search(root, 0, false)
  return found
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

function processesIn(group: string): number[] {
  try {
    return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/**
 * Ends what runs in the instance's groups and removes them. Processes get `graceMs` to go by themselves: PostgreSQL, whose
 * host has died, is just shutting down. Answers with how many had to be killed.
 */
export async function clearInstance(instance: string, clock: Clock, graceMs = 3000): Promise<number> {
  const deadline = clock.now() + graceMs
  const killed = new Set<number>()
  for (;;) {
    const groups = groupsOf(instance)
    const pids = groups.flatMap(processesIn).filter((pid) => pid !== process.pid)
    if (pids.length === 0 && groups.map(removed).every(Boolean)) return killed.size
    if (clock.now() > deadline + 5000) throw new Error(`processes of a former run do not end: ${pids.join(', ')}`)
    if (clock.now() > deadline) for (const pid of pids) kill(pid, killed)
    await sleep(clock, 20)
  }
}

function removed(group: string): boolean {
  try {
    rmdirSync(group)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

function kill(pid: number, killed: Set<number>): void {
  try {
    process.kill(pid, 'SIGKILL')
    killed.add(pid)
  } catch {} // it has ended in between
}
