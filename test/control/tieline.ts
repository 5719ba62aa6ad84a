import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommand } from '../../src/main/cli/run.ts'
import { type Bench, COMPILED } from './bench.ts'

const CLI = fileURLToPath(new URL('../../src/main/cli.ts', import.meta.url))

/** How a command line has ended. */
export interface Outcome {
  code: number
  out: string
  err: string
}

/** Writes the configuration file by which the command line finds the bench. */
function configFor(bench: Bench): string {
  const config = join(bench.state, 'tieline.yaml')
  const url = new URL(bench.control.url)
  writeFileSync(config, JSON.stringify({ state: bench.state, api: { address: url.hostname, port: Number(url.port) } }))
  return config
}

/** Runs a program that finds the bench as a person's would: `tieline …`, or a shell that calls it. */
export function start(bench: Bench, program: string, args: string[]): Promise<Outcome> {
  const env = { ...process.env, ...COMPILED, TIELINE_CONFIG: configFor(bench) }
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk) => (said.out += chunk))
  child.stderr.on('data', (chunk) => (said.err += chunk))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code: code ?? -1, ...said })))
}

/** Runs `tieline …` as its own process, as a person would. */
export function tieline(bench: Bench, ...args: string[]): Promise<Outcome> {
  return start(bench, process.execPath, [CLI, ...args])
}

/** The same command line in this process: to start one takes a hundred times as long as what most of them do. */
export async function run(bench: Bench, ...args: string[]): Promise<Outcome> {
  const said = { out: '', err: '' }
  const terminal = {
    stdout: { write: (text: string) => (said.out += text) },
    stderr: { write: (text: string) => (said.err += text) },
  }
  const environment = { TIELINE_URL: bench.control.url, TIELINE_KEY: bench.operatorKey }
  return { code: await runCommand(args, environment, terminal), ...said }
}

/** What it says of whatever it has done; rejects with why it could not. */
export async function done(bench: Bench, ...args: string[]): Promise<string> {
  const { code, out, err } = await run(bench, ...args)
  if (code !== 0) throw new Error(err)
  return out
}
