import { CommanderError } from 'commander'
import { exitCodeOf, explainError } from './cli/error.ts'
import { buildProgram } from './cli/program.ts'

/** Exit codes: 0 done, 1 the platform said no or could not be asked, 2 the command line is wrong. */
async function main(): Promise<number> {
  try {
    await buildProgram(process.env).parseAsync()
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    process.stderr.write(`tieline: ${explainError(error)}\n`)
    return exitCodeOf(error)
  }
}

// Whoever reads our output has read enough: `tieline event list | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await main()
