import { spawn } from 'node:child_process'

/** A program that we ran to its end did not end well. The message has its own last words and never its input. */
export class CommandFailed extends Error {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string

  constructor(
    program: string,
    args: readonly string[],
    end: { code: number | null; stdout: string; stderr: string },
    options?: ErrorOptions,
  ) {
    super(`${program} ${args.join(' ')}: ${end.stderr.trim() || `ended with ${end.code ?? 'a signal'}`}`, options)
    this.name = 'CommandFailed'
    this.code = end.code
    this.stdout = end.stdout
    this.stderr = end.stderr
  }
}

/** Where the distribution keeps what only root calls, which a user's PATH may lack. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Runs a program of the system to its end and answers with what it said. Secrets belong into `input`, never into `args`.
 * Rejects with CommandFailed when it ends with another code than 0 or takes longer than `timeoutMs` (default 10,000).
 */
export function run(
  program: string,
  args: readonly string[],
  options: { input?: string; timeoutMs?: number } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { PATH: SYSTEM_PATH, LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 10_000,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-4000)
    })
    child.once('error', (cause) =>
      reject(new CommandFailed(program, args, { code: null, stdout, stderr: cause.message }, { cause })),
    )
    child.once('close', (code) =>
      code === 0 ? resolve(stdout) : reject(new CommandFailed(program, args, { code, stdout, stderr })),
    )
    // A program that has read enough closes its input: its exit code says whether that was right.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
  })
}
