import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One run of SIPp in a directory of its own. */
export interface Sipp extends AsyncDisposable {
  /** Its exit status (0: every call went as its scenario says) and the end of what it printed. */
  readonly ended: Promise<{ status: number | null; output: string }>
  stop(): void
}

/** Starts SIPp. `files` are written beside it first, such as its certificate. */
export async function startSipp(args: readonly string[], files: Record<string, string | Uint8Array> = {}): Promise<Sipp> {
  const directory = await mkdtemp(join(tmpdir(), 'tl-sipp-'))
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content)
  const child = spawn('sipp', [...args, '-nostdin', '-timeout', '20s', '-timeout_error'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk))
  const ended = new Promise<{ status: number | null; output: string }>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve({ status, output: output.slice(-3000) }))
  })
  return {
    ended,
    stop: () => void child.kill('SIGKILL'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended.catch(() => {})
      await rm(directory, { recursive: true, force: true })
    },
  }
}
