import { existsSync, readFileSync, statSync } from 'node:fs'
import type { Command } from 'commander'
import type { AgentStatus } from '#platform/words/index.ts'
import type { Context } from './context.ts'
import { usage } from './error.ts'
import { part, whole } from './parse.ts'
import { secondsOf, type WaitOption, waitFor } from './wait.ts'

interface Version {
  id: string
  digest: string
  bytes: number
  createdAt: string
  active: boolean
  state: string
  failure: { reason: string; log: string[] } | null
}

type Status = Omit<AgentStatus, 'candidate'> & {
  candidate?: { version: string; state: string; reason: string; log: string[] }
}

type Contextual = (command: Command) => Context

export function agentCommands(program: Command, context: Contextual): void {
  const noun = program.command('agent').description("subscribers' programs")
  deployCommand(noun, context)
  noun
    .command('show <subscriber>')
    .description('how it is')
    .action(async (name: string, _options, command: Command) => {
      const { client, out } = context(command)
      const s = await client.get<Status>(`/v1/subscribers/${part(name)}/agent`)
      out.facts(s, [
        ['state', s.state],
        ['reason', s.reason],
        ['version', s.version],
        ['pid', s.pid],
        ['restarts', s.restarts],
        ...(s.candidate ? candidateFacts(s.candidate) : []),
      ])
    })
  noun
    .command('logs <subscriber>')
    .description('the last lines of its log')
    .option('--lines <n>', 'how many', whole('--lines'), 100)
    .action(async (name: string, options: { lines: number }, command: Command) => {
      const { client, out } = context(command)
      const answer = await client.get<{ lines: string[] }>(`/v1/subscribers/${part(name)}/agent/logs?lines=${options.lines}`)
      if (out.json) return out.value(answer)
      for (const line of answer.lines) out.line(line)
    })
  noun
    .command('versions <subscriber>')
    .description('what was deployed, newest first')
    .action(async (name: string, _options, command: Command) => {
      const { client, out } = context(command)
      const { items } = await client.get<{ items: Version[] }>(`/v1/subscribers/${part(name)}/agent/versions`)
      out.table(
        items,
        [
          ['VERSION', (v) => v.id],
          ['STATE', (v) => v.state],
          ['DEPLOYED', (v) => v.createdAt],
          ['BYTES', (v) => v.bytes],
          ['SHA-256', (v) => v.digest.slice(0, 16)],
          ['FAILURE', (v) => v.failure?.reason],
        ],
        'Nothing is deployed. Deploy with: tieline agent deploy <subscriber> <directory>',
      )
    })
  noun
    .command('rollback <subscriber> [version]')
    .description('go back to a version, or to the one before')
    .option('--wait [seconds]', 'until it is ready', whole('--wait'))
    .action(async (name: string, version: string | undefined, options: WaitOption, command: Command) => {
      const cli = context(command)
      const wanted = await cli.client.post<Version>(`/v1/subscribers/${part(name)}/agent/rollback`, version ? { version } : {})
      const serves = await waitReady(cli, name, wanted, options)
      cli.out.done(serves, `New calls of ${name} go to ${wanted.id}${soon(serves)}.`)
    })
  noun
    .command('restart <subscriber>')
    .description('kill it and start it again')
    .action(async (name: string, _options, command: Command) => {
      const { client, out } = context(command)
      await client.post(`/v1/subscribers/${part(name)}/agent/restart`)
      out.done(null, `The agent of ${name} starts again.`)
    })
}

function deployCommand(noun: Command, context: Contextual): void {
  noun
    .command('deploy <subscriber> <directory>')
    .description('deploy a directory with a package.json, or a tar.gz of one; nothing is installed on the platform')
    .option('--wait [seconds]', 'until it is ready', whole('--wait'))
    .action(async (name: string, path: string, options: WaitOption, command: Command) => {
      const cli = context(command)
      const tarball = await pack(path)
      const version = await cli.client.upload<Version>(
        `/v1/subscribers/${part(name)}/agent/versions`,
        tarball,
        'application/gzip',
      )
      const serves = await waitReady(cli, name, version, options)
      const text = `${version.id} is deployed: new calls of ${name} go to it${soon(serves)}, old ones finish where they are.`
      cli.out.done(serves, text)
    })
}

const soon = ({ active }: Version) => (active ? '' : ' once it has proven itself')

function candidateFacts({ version, state, reason, log }: NonNullable<Status['candidate']>): [name: string, text: string][] {
  const told = reason === '' ? log : [reason, ...log]
  return [[state, version], ...told.map((line): [string, string] => ['', line])]
}

/** Waits where it was asked for; answers how the version is then. Rejects as soon as it has failed. */
async function waitReady({ client }: Context, name: string, version: Version, options: WaitOption): Promise<Version> {
  const seconds = secondsOf(options, 60)
  if (seconds === 0) return version
  await waitFor(seconds, {
    what: 'the agent to be ready',
    ask: () => client.get<Status>(`/v1/subscribers/${part(name)}/agent`),
    holds: (status) => status.state === 'ready' && status.version === version.id && status.candidate === undefined,
    never: ({ candidate }) => (candidate?.version === version.id && candidate.state === 'failed' ? failed(candidate) : null),
    why({ state, reason, candidate }) {
      const told = candidate?.version === version.id ? candidate : { state, reason }
      return `it is ${told.state}${told.reason && `, ${told.reason}`}. See: tieline agent logs ${name}`
    },
  })
  return { ...version, active: true, state: 'active' }
}

function failed({ version, reason, log }: NonNullable<Status['candidate']>): string {
  return [`${version} has failed, and the version before serves on: ${reason}.`, ...log.map((line) => `  ${line}`)].join('\n')
}

/** A tarball as it is, or the directory as one: the same program gives the same bytes. */
async function pack(path: string): Promise<Uint8Array> {
  if (!existsSync(path)) throw usage(`There is no ${path}.`)
  if (statSync(path).isFile()) return readFileSync(path)
  // Loaded only here, so that the other verbs start at once.
  const { packBundle } = await import('#platform/agent/index.ts')
  return packBundle(path)
}
