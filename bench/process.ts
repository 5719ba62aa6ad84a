import { readFileSync } from 'node:fs'

/** `USER_HZ`, which Linux has fixed at 100 for programs. */
const MS_PER_TICK = 10

/** User and system time of processes with all their threads, ms. */
export function cpuMs(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks * MS_PER_TICK
}

/** Memory of a process that is in RAM, MiB. */
export function resident(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1024
}
