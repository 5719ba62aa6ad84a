import { runCommand } from './cli/run.ts'

// Whoever reads our output has read enough: `tieline event list | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await runCommand(process.argv.slice(2), process.env, process)
