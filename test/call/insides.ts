import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Insides } from './insides.fixture.ts'

/** Options of Node for a process that {@link insidesOf} may ask. */
export const TELLS_INSIDES = ['--expose-gc', '--import', join(import.meta.dirname, 'insides.fixture.ts')]

/** What a process holds after a full collection. */
export async function insidesOf(child: ChildProcess): Promise<Insides> {
  const answer = once(child, 'message')
  child.kill('SIGUSR2')
  const [insides] = await answer
  return insides
}
