import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface Limits {
  memoryMebibytes: number
  /** Share of one core, 0..1 and above. */
  cpuShare: number
  maxProcesses: number
}

/** The control group of one sandbox. */
export interface Cgroup {
  /** A process writes 0 into each of these to join. */
  readonly procs: string[]
  /** What is not limited on this machine, and why: empty where all is. */
  readonly unlimited: string[]
  /** How many of its processes the kernel has killed for want of memory. */
  oomKills(): number
  /** Once its processes are gone; answers whether it is gone. */
  remove(): boolean
}

const ROOT = '/sys/fs/cgroup'
const PERIOD_US = 100_000

/** Makes the group `name` (`installation/agent`) with these limits, with whichever version of cgroups the machine has. */
export function createCgroup(name: string, limits: Limits, root = ROOT): Cgroup {
  if (existsSync(join(root, 'cgroup.controllers'))) return versionTwo(name, limits, root)
  return versionOne(name, limits, root)
}

type Setting = [controller: string, file: string, value: string]

/** One hierarchy a controller; below our own group there, so that limits of ours hold for agents too. */
function versionOne(name: string, limits: Limits, root: string): Cgroup {
  const settings: Setting[] = [
    ['memory', 'memory.limit_in_bytes', String(limits.memoryMebibytes << 20)],
    ['cpu', 'cpu.cfs_quota_us', String(quota(limits))],
    ['pids', 'pids.max', String(limits.maxProcesses)],
  ]
  const made: string[] = []
  const unlimited: string[] = []
  for (const [controller, file, value] of settings) {
    const own = join(root, controller, ownGroup(controller))
    const directory = join(existsSync(own) ? own : join(root, controller), name)
    try {
      mkdirSync(directory, { recursive: true })
      made.push(directory)
      writeFileSync(join(directory, file), value)
    } catch (error) {
      unlimited.push(`${controller}: ${(error as Error).message}`)
    }
  }
  const memory = made.find((d) => existsSync(join(d, 'memory.oom_control')))
  return group(made, unlimited, memory ? join(memory, 'memory.oom_control') : null)
}

/** One hierarchy, whose controllers every group must pass on to those below it. */
function versionTwo(name: string, limits: Limits, root: string): Cgroup {
  const settings: Setting[] = [
    ['memory', 'memory.max', String(limits.memoryMebibytes << 20)],
    ['cpu', 'cpu.max', `${quota(limits)} ${PERIOD_US}`],
    ['pids', 'pids.max', String(limits.maxProcesses)],
  ]
  const directory = join(root, name)
  const unlimited: string[] = []
  try {
    let parent = root
    for (const part of name.split('/')) {
      for (const [controller] of settings) tryWrite(join(parent, 'cgroup.subtree_control'), `+${controller}`)
      parent = join(parent, part)
      mkdirSync(parent, { recursive: true })
    }
  } catch (error) {
    return group([], [`all: ${(error as Error).message}`], null)
  }
  for (const [controller, file, value] of settings) {
    const error = tryWrite(join(directory, file), value)
    if (error) unlimited.push(`${controller}: ${error}`)
  }
  return group([directory], unlimited, join(directory, 'memory.events'))
}

const quota = (limits: Limits) => Math.max(1000, Math.round(limits.cpuShare * PERIOD_US))

function group(directories: string[], unlimited: string[], oomFile: string | null): Cgroup {
  return {
    procs: directories.map((d) => join(d, 'cgroup.procs')),
    unlimited,
    oomKills() {
      if (!oomFile) return 0
      try {
        return Number(/^oom_kill (\d+)/m.exec(readFileSync(oomFile, 'utf8'))?.[1] ?? 0)
      } catch {
        return 0
      }
    },
    remove() {
      return directories.map(removeDirectory).every(Boolean)
    },
  }
}

function removeDirectory(directory: string): boolean {
  try {
    rmdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return false
  }
  try {
    rmdirSync(dirname(directory)) // the installation's, once it is empty
  } catch {
    // Others of its groups are still there.
  }
  return true
}

function tryWrite(file: string, text: string): string | null {
  try {
    writeFileSync(file, text)
    return null
  } catch (error) {
    return (error as Error).message
  }
}

/** Our own group in a version 1 hierarchy: `4:memory:/user.slice` gives `/user.slice`. */
function ownGroup(controller: string): string {
  for (const line of readFileSync('/proc/self/cgroup', 'utf8').split('\n')) {
    const [, controllers = '', path = '/'] = line.split(':')
    if (controllers.split(',').includes(controller)) return path
  }
  return '/'
}
