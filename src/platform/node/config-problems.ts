import { isIP } from 'node:net'
import { Errors } from 'typebox/schema'
import type { PlatformConfig } from '#platform/words/index.ts'
import { CONFIG_SCHEMA, type Schema } from './config-schema.ts'

/** All that is wrong with a configuration in which every default is filled in, a sentence each. */
export function problemsOf(config: unknown): string[] {
  const problems = shapeProblems(config)
  return problems.length > 0 ? problems : senseProblems(config as PlatformConfig)
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
    Errors(schema, given[key])[1].map((error) => ({ ...error, instancePath: `/${key}${error.instancePath}` })),
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

function schemaAt(instancePath: string): Schema | undefined {
  let at: Schema | undefined = CONFIG_SCHEMA
  for (const key of instancePath.split('/').slice(1)) at = at?.properties?.[key] ?? at?.items
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
