/** As much of JSON Schema as a configuration needs. Plain objects: to build them with a library costs each command 0.1 s. */
export interface Schema {
  type?: 'array' | 'boolean' | 'integer' | 'null' | 'object' | 'string'
  /** What it expects, in words, for the error of whoever gets it wrong. */
  expected?: string
  anyOf?: Schema[]
  const?: string
  items?: Schema
  maxItems?: number
  maximum?: number
  minimum?: number
  pattern?: string
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: false
}

const text = (pattern: string, expected: string): Schema => ({ type: 'string', pattern, expected })
const integer = (minimum: number, maximum: number, expected: string): Schema => ({ type: 'integer', minimum, maximum, expected })
const list = (items: Schema, expected: string): Schema => ({ type: 'array', items, expected })
const orNothing = (schema: Schema, expected: string): Schema => ({ anyOf: [{ type: 'null' }, schema], expected })
const oneOf = (values: string[], expected: string): Schema => ({ anyOf: values.map((value) => ({ const: value })), expected })

/** A group of which every key is known and there. */
function closed<const T extends Record<string, Schema>>(properties: T) {
  const required = Object.keys(properties)
  return { type: 'object', properties, required, additionalProperties: false, expected: 'a group of keys' } as const
}

const PORT = integer(1, 65535, 'a port number from 1 to 65535')
const ADDRESS = text('^[0-9A-Fa-f.:]+$', 'an IP address, not a name')
const HOST = text('^[A-Za-z0-9.:-]{1,253}$', 'a host name or an IP address')
const FILE = text('^/[^\\s]*$', 'an absolute path without spaces')
const PORTS = closed({ first: PORT, last: PORT })
const COUNT = integer(1, 10_000_000, 'a whole number from 1 on')

/** The configuration file after the defaults are in: every key is there. */
export const CONFIG_SCHEMA = closed({
  instance: text('^[a-z0-9]{1,6}$', 'one to six of a-z and 0-9'),
  state: FILE,
  node: text('^[A-Za-z0-9.-]{1,63}$', 'a name of letters, digits, dots and hyphens'),
  sip: closed({
    address: ADDRESS,
    port: PORT,
    tls: orNothing(
      closed({ port: PORT, certificate: FILE, key: FILE }),
      'a port and the files of a certificate and its key, or nothing',
    ),
  }),
  dns: closed({ servers: { ...list(ADDRESS, 'a list of at most 8 IP addresses'), maxItems: 8 } }),
  media: closed({ address: ADDRESS, ports: PORTS }),
  api: closed({ address: ADDRESS, port: PORT }),
  channel: closed({
    endpoint: HOST,
    ports: PORTS,
    address: ADDRESS,
    peerAddress: ADDRESS,
    ipv6: closed({ address: ADDRESS, peerAddress: ADDRESS }),
    mtu: integer(576, 9000, 'a number of bytes from 576 to 9000'),
    implementation: oneOf(['auto', 'kernel', 'wireguard-go'], 'auto, kernel or wireguard-go'),
  }),
  siteSipPort: PORT,
  voice: closed({
    processes: integer(1, 64, 'a number from 1 to 64'),
    mediaTimeoutMs: integer(1000, 86_400_000, 'milliseconds from 1000 on'),
  }),
  calls: closed({ maxSeconds: integer(60, 7 * 86_400, 'seconds from 60 to a week') }),
  agents: closed({
    firstUid: integer(10_000, 2_000_000_000, 'a user id from 10000 on, with room for every subscriber'),
  }),
  recordings: closed({ retentionDays: integer(1, 36_500, 'a number of days from 1 on') }),
  capacities: list(
    closed({
      kind: text('^[a-z.]{1,40}$', 'a resource kind such as trunk.in'),
      capacity: { type: 'integer', minimum: 0, expected: 'a whole number from 0 on' },
    }),
    'a list of { kind, capacity }',
  ),
  load: closed({
    requestsPerSecond: COUNT,
    siteRequestsPerSecond: COUNT,
    transactionsPerSource: COUNT,
    shedAboveMs: integer(20, 10_000, 'milliseconds from 20 to 10000'),
    drainSeconds: integer(0, 86_400, 'seconds from 0 to 86400'),
  }),
  trace: closed({ mebibytes: integer(0, 1 << 20, 'a number of MiB from 0 on') }),
  hep: orNothing(
    closed({ address: ADDRESS, port: PORT, captureId: integer(0, 0xffffffff, 'a whole number from 0 on') }),
    'an address, port and captureId, or nothing',
  ),
  log: closed({ level: oneOf(['debug', 'info', 'warn', 'error'], 'debug, info, warn or error') }),
  databaseUrl: orNothing({ type: 'string', pattern: '^postgres(ql)?://' }, 'a URL that begins with postgres://, or nothing'),
}) satisfies Schema
