import { CommanderError } from 'commander'
import { CliError, explainError } from './cli/error.ts'
import { buildProgram } from './cli/program.ts'

/** Exit codes: 0 done, 1 the platform said no or could not be asked, 2 the command line is wrong. */
async function main(): Promise<number> {
  try {
    await buildProgram(process.env).parseAsync()
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof CliError) process.stderr.write(`tieline: ${error.message}\n`)
    else process.stderr.write(`${explainError(error)}\n`)
    return error instanceof CliError ? error.exitCode : 1
  }
}

process.exitCode = await main()
