import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { agentCommands } from './agent.ts'
import { alarmCommands } from './alarm.ts'
import { balanceCommands } from './balance.ts'
import { billCommands } from './bill.ts'
import { callCommands } from './call.ts'
import { channelCommands } from './channel.ts'
import { type Context, contextOf } from './context.ts'
import { eventCommands } from './event.ts'
import { nodeCommands } from './node.ts'
import type { Terminal } from './output.ts'
import { recordingCommands } from './recording.ts'
import { resourceCommands } from './resource.ts'
import { statusCommands } from './status.ts'
import { subscriberCommands } from './subscriber.ts'
import { telephoneCommands } from './telephone.ts'
import { tollCommands } from './toll.ts'
import { trunkCommands } from './trunk.ts'
import { upCommand } from './up.ts'

/** The whole command line. With `json` what is wrong in it is for its caller to say. */
export function buildProgram(environment: NodeJS.ProcessEnv, terminal: Terminal = process, { json = false } = {}): Command {
  const program = new Command('tieline')
    .description('The operator of a Tieline platform, and its subscribers, at a terminal.')
    .option('--json', 'print JSON instead of text')
    .option('--config <file>', 'the configuration file of the platform')
    .option('--url <url>', 'where the API is; also TIELINE_URL')
    .option('--key <key>', 'the API key; also TIELINE_KEY. Otherwise the operator key of the state directory')
    .version(`tieline ${version()}`, '--version', 'print the version')
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void (json || terminal.stderr.write(text)),
      outputError: (text, write) => write(text.replace(/^error: /, 'tieline: ')),
    })
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
  const context = (command: Command): Context => contextOf(command.optsWithGlobals(), environment, terminal)
  upCommand(program, environment)
  statusCommands(program, context)
  nodeCommands(program, context)
  subscriberCommands(program, context)
  channelCommands(program, context)
  agentCommands(program, context)
  callCommands(program, context)
  eventCommands(program, context)
  alarmCommands(program, context)
  recordingCommands(program, context)
  resourceCommands(program, context)
  trunkCommands(program, context)
  tollCommands(program, context)
  telephoneCommands(program, context)
  billCommands(program, context)
  balanceCommands(program, context)
  acceptEverywhere(program)
  return program
}

/** The options of the program may also stand behind a verb, where people look for them; its help has them once. */
function acceptEverywhere(program: Command): void {
  const everywhere = program.options.filter(({ long }) => long !== '--version')
  const visit = (command: Command) => {
    for (const child of command.commands) {
      child.exitOverride().configureHelp({ showGlobalOptions: true })
      if (child.commands.length === 0)
        for (const { flags, description } of everywhere)
          if (!child.options.some((o) => o.flags === flags)) child.addOption(new Option(flags, description).hideHelp())
      visit(child)
    }
  }
  visit(program)
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')).version
}
