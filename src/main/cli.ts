import { Command, CommanderError } from 'commander'
import { agentCommands } from './cli/agent.ts'
import { billCommands } from './cli/bill.ts'
import { callCommands } from './cli/call.ts'
import { channelCommands } from './cli/channel.ts'
import { type Context, contextOf } from './cli/context.ts'
import { CliError, explainError } from './cli/error.ts'
import { eventCommands } from './cli/event.ts'
import { resourceCommands } from './cli/resource.ts'
import { statusCommands } from './cli/status.ts'
import { subscriberCommands } from './cli/subscriber.ts'
import { trunkCommands } from './cli/trunk.ts'
import { upCommand } from './cli/up.ts'

/** Exit codes: 0 done, 1 the platform said no or could not be asked, 2 the command line is wrong. */
async function main(): Promise<number> {
  const program = new Command('tieline')
    .description('The operator of a Tieline platform, and its subscribers, at a terminal.')
    .option('--json', 'print JSON instead of text')
    .option('--config <file>', 'the configuration file of the platform')
    .option('--url <url>', 'where the API is; also TIELINE_URL')
    .option('--key <key>', 'the API key; also TIELINE_KEY. Otherwise the operator key of the state directory')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
  const context = (command: Command): Context => contextOf(command.optsWithGlobals(), process.env)
  upCommand(program)
  statusCommands(program, context)
  subscriberCommands(program, context)
  channelCommands(program, context)
  agentCommands(program, context)
  callCommands(program, context)
  eventCommands(program, context)
  resourceCommands(program, context)
  trunkCommands(program, context)
  billCommands(program, context)
  acceptEverywhere(program)
  try {
    await program.parseAsync()
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof CliError) process.stderr.write(`tieline: ${error.message}\n`)
    else process.stderr.write(`${explainError(error)}\n`)
    return error instanceof CliError ? error.exitCode : 1
  }
}

/** The options of the program may also stand behind a verb, where people look for them. */
function acceptEverywhere(program: Command): void {
  const visit = (command: Command) => {
    for (const child of command.commands) {
      child.exitOverride().configureHelp({ showGlobalOptions: true })
      if (child.commands.length === 0)
        for (const { flags, description } of program.options)
          if (!child.options.some((o) => o.flags === flags)) child.option(flags, description)
      visit(child)
    }
  }
  visit(program)
}

process.exitCode = await main()
