import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TielineError } from '#lib/index.ts'
import { Client } from './client.ts'
import { Unreachable, usage } from './error.ts'
import { Output, type Terminal } from './output.ts'

/** What every verb has at hand. */
export interface Context {
  client: Client
  out: Output
}

interface Settings {
  json?: boolean
  config?: string
  url?: string
  key?: string
}

/** The API's place and key: named on the command line, else in the environment, else as the installation here has them. */
export function contextOf(settings: Settings, environment: NodeJS.ProcessEnv, terminal: Terminal): Context {
  const client = new Client(async () => {
    const url = settings.url ?? environment.TIELINE_URL
    const key = settings.key ?? environment.TIELINE_KEY
    // Read only where it is needed: a subscriber far away has no installation.
    const here = url && key ? null : await installation(settings.config ?? environment.TIELINE_CONFIG ?? null)
    const place = { url: (url ?? here?.url ?? '').replace(/\/$/, ''), key: key ?? operatorKey(here?.state ?? '') }
    if (!/^https?:\/\//.test(place.url)) throw usage(`${place.url} is not an http or https URL.`)
    return place
  })
  return { client, out: new Output(settings.json === true, terminal) }
}

async function installation(file: string | null): Promise<{ url: string; state: string }> {
  // Loaded only here: it knows all of the node.
  const { readConfig } = await import('#platform/node/index.ts')
  try {
    const { api, state } = await readConfig(file)
    return { url: `http://${reachable(api.address)}:${api.port}`, state }
  } catch (error) {
    if (error instanceof TielineError) throw usage(error.message)
    throw error
  }
}

/** What listens everywhere is reached here. */
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  if (address === '::') return '[::1]'
  return address.includes(':') ? `[${address}]` : address
}

function operatorKey(state: string): string {
  const path = join(state, 'control', 'operator.key')
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    throw new Unreachable(`No API key: give --key or TIELINE_KEY, or run this as root where ${path} is.`)
  }
}
