import Type from 'typebox'

/** A schema that says in words what it expects, for the error of whoever gets it wrong. */
const words = (expected: string) => ({ expected })

const PORT = Type.Integer({ minimum: 1, maximum: 65535, ...words('a port number from 1 to 65535') })
const ADDRESS = Type.String({ pattern: '^[0-9A-Fa-f.:]+$', ...words('an IP address, not a name') })
const HOST = Type.String({ pattern: '^[A-Za-z0-9.:-]{1,253}$', ...words('a host name or an IP address') })
const FILE = Type.String({ pattern: '^/[^\\s]*$', ...words('an absolute path without spaces') })
const PORTS = closed({ first: PORT, last: PORT })

const COUNT = Type.Integer({ minimum: 1, maximum: 10_000_000, ...words('a whole number from 1 on') })

function closed<T extends Type.TProperties>(properties: T) {
  return Type.Object(properties, { additionalProperties: false, ...words('a group of keys') })
}

/** The configuration file after the defaults are in: every key is there. */
export const CONFIG_SCHEMA = closed({
  instance: Type.String({ pattern: '^[a-z0-9]{1,6}$', ...words('one to six of a-z and 0-9') }),
  state: Type.String({ pattern: '^/[^\\s]*$', ...words('an absolute path without spaces') }),
  node: Type.String({ pattern: '^[A-Za-z0-9.-]{1,63}$', ...words('a name of letters, digits, dots and hyphens') }),
  sip: closed({
    address: ADDRESS,
    port: PORT,
    tls: Type.Union([Type.Null(), closed({ port: PORT, certificate: FILE, key: FILE })], {
      ...words('a port and the files of a certificate and its key, or nothing'),
    }),
  }),
  dns: closed({ servers: Type.Array(ADDRESS, { maxItems: 8, ...words('a list of at most 8 IP addresses') }) }),
  media: closed({ address: ADDRESS, ports: PORTS }),
  api: closed({ address: ADDRESS, port: PORT }),
  channel: closed({
    endpoint: HOST,
    ports: PORTS,
    address: ADDRESS,
    peerAddress: ADDRESS,
    ipv6: closed({ address: ADDRESS, peerAddress: ADDRESS }),
    mtu: Type.Integer({ minimum: 576, maximum: 9000, ...words('a number of bytes from 576 to 9000') }),
    implementation: Type.Union([Type.Literal('auto'), Type.Literal('kernel'), Type.Literal('wireguard-go')], {
      ...words('auto, kernel or wireguard-go'),
    }),
  }),
  siteSipPort: PORT,
  voice: closed({
    processes: Type.Integer({ minimum: 1, maximum: 64, ...words('a number from 1 to 64') }),
    mediaTimeoutMs: Type.Integer({ minimum: 1000, maximum: 86_400_000, ...words('milliseconds from 1000 on') }),
  }),
  calls: closed({
    maxSeconds: Type.Integer({ minimum: 60, maximum: 7 * 86_400, ...words('seconds from 60 to a week') }),
  }),
  agents: closed({
    firstUid: Type.Integer({
      minimum: 10_000,
      maximum: 2_000_000_000,
      ...words('a user id from 10000 on, with room for every subscriber'),
    }),
  }),
  recordings: closed({
    retentionDays: Type.Integer({ minimum: 1, maximum: 36_500, ...words('a number of days from 1 on') }),
  }),
  capacities: Type.Array(
    closed({
      kind: Type.String({ pattern: '^[a-z.]{1,40}$', ...words('a resource kind such as trunk.in') }),
      capacity: Type.Integer({ minimum: 0, ...words('a whole number from 0 on') }),
    }),
    { ...words('a list of { kind, capacity }') },
  ),
  load: closed({
    requestsPerSecond: COUNT,
    siteRequestsPerSecond: COUNT,
    transactionsPerSource: COUNT,
    shedAboveMs: Type.Integer({ minimum: 20, maximum: 10_000, ...words('milliseconds from 20 to 10000') }),
    drainSeconds: Type.Integer({ minimum: 0, maximum: 86_400, ...words('seconds from 0 to 86400') }),
  }),
  trace: closed({ mebibytes: Type.Integer({ minimum: 0, maximum: 1 << 20, ...words('a number of MiB from 0 on') }) }),
  hep: Type.Union(
    [
      Type.Null(),
      closed({
        address: ADDRESS,
        port: PORT,
        captureId: Type.Integer({ minimum: 0, maximum: 0xffffffff, ...words('a whole number from 0 on') }),
      }),
    ],
    { ...words('an address, port and captureId, or nothing') },
  ),
  log: closed({
    level: Type.Union(
      ['debug', 'info', 'warn', 'error'].map((level) => Type.Literal(level)),
      {
        ...words('debug, info, warn or error'),
      },
    ),
  }),
  databaseUrl: Type.Union([Type.Null(), Type.String({ pattern: '^postgres(ql)?://' })], {
    ...words('a URL that begins with postgres://, or nothing'),
  }),
})
