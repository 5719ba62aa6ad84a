import { closeSync, mkdirSync, openSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { TielineError } from '#lib/index.ts'

/** Ends with the process, whatever ends it. */
export interface Lock extends AsyncDisposable {}

/**
 * Makes sure that one host alone works on a state directory and under an instance's name. `lock` takes flock(2) on a
 * descriptor. Throws one clear sentence when another host is there.
 */
export async function lockInstance(instance: string, state: string, lock: (fd: number) => boolean): Promise<Lock> {
  mkdirSync(state, { recursive: true, mode: 0o711 })
  const descriptor = openSync(join(state, 'lock'), 'a', 0o600)
  const verdict = { code: 'already-running', fault: 'caller', retry: false, http: 409 } as const
  if (!lock(descriptor)) {
    closeSync(descriptor)
    throw new TielineError(`Tieline already runs on the state directory ${state}.`, verdict)
  }
  // A name in the abstract namespace of Unix sockets: there is no file that could be left behind.
  const server = net.createServer((socket) => socket.destroy())
  const taken = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(true))
    server.listen({ path: `\0tieline-${instance}` }, () => resolve(false))
  })
  if (taken) {
    closeSync(descriptor)
    throw new TielineError(`Tieline already runs as instance ${instance} on this machine: give this one another name.`, verdict)
  }
  server.unref()
  return {
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => server.close(() => resolve()))
      closeSync(descriptor)
    },
  }
}
