import { CommanderError } from 'commander'
import { exitCodeOf, explainError, problemOf } from './error.ts'
import type { Terminal } from './output.ts'
import { buildProgram } from './program.ts'

/**
 * Does what a command line says. @returns the exit code: 0 done, 1 the platform said no or could not be asked, 2 the command line is
 * wrong. Why it is not 0 stands on standard error: a sentence, or with `--json` a problem (RFC 9457).
 */
export async function runCommand(args: readonly string[], environment: NodeJS.ProcessEnv, terminal: Terminal): Promise<number> {
  const json = asksForJson(args)
  try {
    await buildProgram(environment, terminal, { json }).parseAsync(args, { from: 'user' })
    return Number(terminal.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    if (json) terminal.stderr.write(`${JSON.stringify(problemOf(error), null, 2)}\n`)
    else if (!(error instanceof CommanderError)) terminal.stderr.write(`tieline: ${explainError(error)}\n`)
    return error instanceof CommanderError ? 2 : exitCodeOf(error)
  }
}

/** Known before the rest of the line is: that may be wrong. */
function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? args.length : end).includes('--json')
}
