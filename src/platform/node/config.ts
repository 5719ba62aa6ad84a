import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, hostname } from 'node:os'
import { TielineError } from '#lib/index.ts'
import type { PlatformConfig } from '#platform/words/index.ts'

/** Where the configuration is unless one is named. */
export const DEFAULT_CONFIG_FILE = '/etc/tieline.yaml'

/** What holds without a file: a platform that can be tried on its own machine. Ports lie outside the ephemeral range. */
export function defaultConfig(): PlatformConfig {
  return {
    instance: 'main',
    state: '/var/lib/tieline',
    node:
      hostname()
        .replaceAll(/[^A-Za-z0-9.-]/g, '-')
        .slice(0, 63) || 'node1',
    sip: { address: '127.0.0.1', port: 5060, tls: null },
    dns: { servers: [] },
    media: { address: '127.0.0.1', ports: { first: 16384, last: 32767 } },
    api: { address: '127.0.0.1', port: 8470 },
    channel: {
      endpoint: '127.0.0.1',
      ports: { first: 12000, last: 15999 },
      address: '10.210.0.1',
      peerAddress: '10.210.0.2',
      ipv6: { address: 'fd6c:8a27:4e10::1', peerAddress: 'fd6c:8a27:4e10::2' },
      mtu: 1420,
      implementation: 'auto',
    },
    siteSipPort: 5060,
    voice: { processes: Math.min(64, availableParallelism()), mediaTimeoutMs: 20_000 },
    agents: { firstUid: 200_000 },
    calls: { maxSeconds: 4 * 3600 },
    recordings: { retentionDays: 90 },
    capacities: [
      { kind: 'trunk.in', capacity: 500 },
      { kind: 'trunk.out', capacity: 500 },
      { kind: 'channel.leg', capacity: 1000 },
      { kind: 'voice.relay', capacity: 500 },
      { kind: 'voice.transcode', capacity: 100 },
      { kind: 'voice.keys', capacity: 500 },
      { kind: 'voice.prompt', capacity: 200 },
      { kind: 'voice.record', capacity: 100 },
      { kind: 'voice.seat', capacity: 200 },
      { kind: 'voice.speech', capacity: 100 },
      { kind: 'voice.recognition', capacity: 20 },
      { kind: 'voice.detection', capacity: 200 },
      { kind: 'voice.stream', capacity: 200 },
      { kind: 'voice.port', capacity: 4000 },
      { kind: 'agent.memory', capacity: 16_384 },
    ],
    load: {
      requestsPerSecond: 2000,
      siteRequestsPerSecond: 200,
      transactionsPerSource: 50_000,
      shedAboveMs: 250,
      drainSeconds: 30,
    },
    trace: { mebibytes: 256 },
    hep: null,
    log: { level: 'info' },
    databaseUrl: null,
  }
}

/**
 * Reads the configuration file, or the defaults where none is named and none is in its usual place. Throws
 * `invalid-config` with every mistake in it, one a line.
 */
export async function readConfig(file: string | null): Promise<PlatformConfig> {
  const path = file ?? (existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : null)
  if (path === null) return await parseConfig('', 'the defaults')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid([`${path} cannot be read: ${(error as Error).message}`], path)
  }
  return await parseConfig(text, path)
}

/** Checks a configuration whole and fills in what it leaves out. `name` says in errors where it is from. */
export async function parseConfig(text: string, name: string): Promise<PlatformConfig> {
  // Hundreds of modules, which only those read that have a configuration to read.
  const [{ parseDocument }, { problemsOf }] = await Promise.all([import('yaml'), import('./config-problems.ts')])
  const document = parseDocument(text)
  if (document.errors.length)
    throw invalid(
      document.errors.map((error) => (error.message.split('\n')[0] ?? '').replace(/:$/, '')),
      name,
    )
  const given: unknown = document.toJS() ?? {}
  if (!isGroup(given)) throw invalid(['expected keys and values'], name)
  const whole = merge(defaultConfig(), { ...given, ...capacitiesOf(given) })
  const problems = problemsOf(whole)
  if (problems.length) throw invalid(problems, name)
  return whole as PlatformConfig
}

function invalid(problems: string[], name: string): TielineError {
  const message = [`The configuration (${name}) is not valid:`, ...problems].join('\n  ')
  return new TielineError(message, { code: 'invalid-config', fault: 'caller', retry: false, http: 400 }, { problems })
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Kinds that the file does not name keep their default: without any capacity of a kind no call that needs it is served. */
function capacitiesOf({ capacities: given }: Record<string, unknown>): { capacities?: unknown[] } {
  if (!Array.isArray(given)) return {}
  const named = new Set(given.map((one) => (isGroup(one) ? one.kind : undefined)))
  return { capacities: [...given, ...defaultConfig().capacities.filter(({ kind }) => !named.has(kind))] }
}

/** Lists replace lists; a group is completed key by key. */
function merge(base: unknown, given: unknown): unknown {
  if (!isGroup(base) || !isGroup(given)) return given
  const result: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(given)) result[key] = key in base ? merge(base[key], value) : value
  return result
}
