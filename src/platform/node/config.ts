import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { availableParallelism, hostname } from 'node:os'
import type { TSchema } from 'typebox'
import Value from 'typebox/value'
import { parseDocument } from 'yaml'
import { TielineError } from '#lib/index.ts'
import type { PlatformConfig } from '#platform/words/index.ts'
import { CONFIG_SCHEMA } from './config-schema.ts'

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
export function readConfig(file: string | null): PlatformConfig {
  const path = file ?? (existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : null)
  if (path === null) return parseConfig('', 'the defaults')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid([`${path} cannot be read: ${(error as Error).message}`], path)
  }
  return parseConfig(text, path)
}

/** Checks a configuration whole and fills in what it leaves out. `name` says in errors where it is from. */
export function parseConfig(text: string, name: string): PlatformConfig {
  const document = parseDocument(text)
  if (document.errors.length)
    throw invalid(
      document.errors.map((error) => (error.message.split('\n')[0] ?? '').replace(/:$/, '')),
      name,
    )
  const given: unknown = document.toJS() ?? {}
  if (!isGroup(given)) throw invalid(['expected keys and values'], name)
  const whole = merge(defaultConfig(), { ...given, ...capacitiesOf(given) })
  const problems = shapeProblems(whole)
  if (problems.length === 0) problems.push(...senseProblems(whole as PlatformConfig))
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

function shapeProblems(config: unknown): string[] {
  const problems = new Map<string, string>()
  for (const { keyword, instancePath, params } of shapeErrors(config)) {
    if (keyword === 'boolean') continue // the unknown key is named by its parent
    const key = instancePath.slice(1).replaceAll('/', '.')
    const within = key ? `${key}.` : ''
    if (keyword === 'additionalProperties') {
      const known = Object.keys(schemaAt(instancePath)?.properties ?? {}).join(', ')
      for (const unknown of params.additionalProperties)
        problems.set(within + unknown, `${within}${unknown}: no such key; known are ${known}`)
    } else if (keyword === 'required') {
      for (const missing of params.requiredProperties) problems.set(within + missing, `${within}${missing}: is missing`)
    } else if (!problems.has(key)) {
      problems.set(
        key,
        `${key}: expected ${schemaAt(instancePath)?.expected ?? 'something else'}, got ${shown(valueAt(config, instancePath))}`,
      )
    }
  }
  return [...problems.values()]
}

/** The errors of each key by itself, since the checker stops after a few of a whole. */
function shapeErrors(config: unknown) {
  const { properties } = CONFIG_SCHEMA
  const given = config as Record<string, unknown>
  const unknown = Object.keys(given).filter((key) => !(key in properties))
  const ofWhole = { keyword: 'additionalProperties', instancePath: '', params: { additionalProperties: unknown } } as const
  const ofKeys = Object.entries(properties).flatMap(([key, schema]) =>
    Value.Errors(schema, given[key]).map((error) => ({ ...error, instancePath: `/${key}${error.instancePath}` })),
  )
  return unknown.length > 0 ? [ofWhole, ...ofKeys] : ofKeys
}

/** What no single key can say. */
function senseProblems(config: PlatformConfig): string[] {
  const problems: string[] = []
  const addresses = {
    'sip.address': config.sip.address,
    'media.address': config.media.address,
    'api.address': config.api.address,
    'channel.address': config.channel.address,
    'channel.peerAddress': config.channel.peerAddress,
    'channel.ipv6.address': config.channel.ipv6.address,
    'channel.ipv6.peerAddress': config.channel.ipv6.peerAddress,
    ...Object.fromEntries(config.dns.servers.map((address, i) => [`dns.servers.${i}`, address])),
  }
  for (const [key, address] of Object.entries(addresses))
    if (isIP(address) === 0) problems.push(`${key}: expected an IP address, not a name, got ${shown(address)}`)
  const ranges = { 'media.ports': config.media.ports, 'channel.ports': config.channel.ports }
  for (const [key, { first, last }] of Object.entries(ranges))
    if (first > last) problems.push(`${key}: expected first (${first}) to be at most last (${last})`)
  for (const key of ['sip.address', 'media.address'] as const)
    if (['0.0.0.0', '::'].includes(addresses[key]))
      problems.push(`${key}: expected the address that carriers see, got ${addresses[key]}`)
  const tlsPort = config.sip.tls?.port
  if (tlsPort === config.sip.port) problems.push(`sip.tls.port: ${tlsPort} is the port of UDP and TCP`)
  const single = {
    ...(tlsPort === undefined ? {} : { 'sip.tls.port': tlsPort }),
    'sip.port': config.sip.port,
    siteSipPort: config.siteSipPort,
    'api.port': config.api.port,
  }
  for (const [key, port] of Object.entries(single))
    for (const [name, { first, last }] of Object.entries(ranges))
      if (port >= first && port <= last) problems.push(`${key}: ${port} is within ${name} (${first} to ${last})`)
  const { media, channel } = config
  if (media.ports.first <= channel.ports.last && channel.ports.first <= media.ports.last)
    problems.push(`channel.ports: overlaps media.ports (${media.ports.first} to ${media.ports.last})`)
  for (const [key, ends] of [['channel', channel] as const, ['channel.ipv6', channel.ipv6] as const])
    if (ends.address === ends.peerAddress) problems.push(`${key}.peerAddress: expected another address than ${key}.address`)
  for (const key of ['address', 'peerAddress'] as const)
    if (isIP(channel.ipv6[key]) === 4) problems.push(`channel.ipv6.${key}: expected an IPv6 address, got ${channel.ipv6[key]}`)
  return problems
}

interface Described {
  properties?: Record<string, TSchema>
  items?: TSchema
  expected?: string
}

function schemaAt(instancePath: string): Described | undefined {
  let at: Described | undefined = CONFIG_SCHEMA as Described
  for (const key of instancePath.split('/').slice(1)) at = (at?.properties?.[key] ?? at?.items) as Described | undefined
  return at
}

function valueAt(value: unknown, instancePath: string): unknown {
  let at = value
  for (const key of instancePath.split('/').slice(1)) at = (at as Record<string, unknown>)[key]
  return at
}

/** A value for people; a database URL may hold a password. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.includes('://') ? 'another URL' : text.slice(0, 60)
}
