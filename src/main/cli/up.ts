import type { Command } from 'commander'

/** Starts the platform in this process. Only here does the CLI know more than the API. */
export function upCommand(program: Command, environment: NodeJS.ProcessEnv): void {
  program
    .command('up')
    .description('start the platform on this machine, as root, and stay until it is told to stop')
    .action(async (_options, command: Command) => {
      const { config } = command.optsWithGlobals() as { config?: string }
      const { up } = await import('../host.ts')
      const file = config ?? environment.TIELINE_CONFIG
      await up(file === undefined ? {} : { config: file })
    })
}
