import { isIP, isIPv6, SocketAddress } from 'node:net'
import { Type } from 'typebox'
import { sealedTls } from '#journeys/install/index.ts'
import type { GatewayConfig, GatewayTransport, TrunkConfig, TrunkState } from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import { hostName } from '#protocol/dns/index.ts'
import { codecFields, Srtp } from './schema.ts'

const Rule = Type.Object({ prefix: Type.String(), replace: Type.String() }, { additionalProperties: false })
const NumberRules = Type.Object(
  { in: Type.Array(Rule, { maxItems: 100 }), out: Type.Array(Rule, { maxItems: 100 }) },
  { additionalProperties: false, description: 'The longest prefix that a number begins with is replaced, to and from E.164.' },
)
const Transport = Type.Union(
  (['udp', 'udp+tcp', 'tcp', 'tls'] as const).map((transport) => Type.Literal(transport)),
  {
    description:
      'Default udp, and for a name what NAPTR and SRV say; udp+tcp sends by TCP only what is too large for a datagram.',
  },
)
const Tls = Type.Object(
  {
    ca: Type.Optional(Type.String({ description: 'PEM: whom the carrier’s certificate, shown in both directions, comes from.' })),
    certificate: Type.Optional(Type.String({ description: 'PEM: what it is shown as a client’s.' })),
    key: Type.Optional(
      Type.String({
        description: 'PEM: the key of the certificate, never told again; absent it stays as long as the certificate.',
      }),
    ),
    serverName: Type.Optional(
      Type.String({ description: 'The name of its certificate; default the gateway’s name, or its address.' }),
    ),
  },
  { additionalProperties: false },
)
const Gateways = Type.Array(
  Type.Object(
    {
      address: Type.String({ description: 'An IP address, or a name, whose servers DNS tells by NAPTR, SRV and address.' }),
      port: Type.Optional(
        Type.Integer({
          description: 'Default 5060, with tls 5061; for a name what SRV says, which is not asked where a port is given.',
        }),
      ),
      transport: Type.Optional(Transport),
      priority: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535 })),
      weight: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535 })),
    },
    { additionalProperties: false },
  ),
  { minItems: 1, maxItems: 64 },
)
/** More calls at once, or in a second, than any trunk has. */
const MOST_CALLS = 1_000_000
const whole = (minimum: number, maximum = MOST_CALLS) =>
  Type.Optional(Type.Union([Type.Integer({ minimum, maximum }), Type.Null()]))
const Auth = Type.Object({ user: Type.String(), password: Type.String() }, { additionalProperties: false })
const Accept = Type.Object(
  {
    user: Type.String(),
    password: Type.String(),
    algorithm: Type.Optional(Type.Union([Type.Literal('MD5'), Type.Literal('SHA-256')], { description: 'Default MD5.' })),
  },
  { additionalProperties: false },
)

const fields = {
  maxIn: whole(0),
  maxOut: whole(0),
  emergencyReserve: Type.Optional(Type.Integer({ minimum: 0, maximum: MOST_CALLS })),
  srtp: Type.Optional(Srtp),
  ...codecFields,
  media: Type.Optional(Type.Union([Type.Literal('relay'), Type.Literal('direct')])),
  earlyMedia: Type.Optional(Type.Union([Type.Literal('pass'), Type.Literal('ignore')])),
  diversion: Type.Optional(Type.Union([Type.Literal('diversion'), Type.Literal('history-info'), Type.Literal('none')])),
  identity: Type.Optional(Type.Union([Type.Literal('pass'), Type.Literal('drop')])),
  redirects: Type.Optional(
    Type.Union([Type.Literal('refuse'), Type.Literal('follow')], {
      description: 'Whether its 3xx is followed, to hosts of this trunk alone; default refuse.',
    }),
  ),
  tls: Type.Optional(Type.Union([Tls, Type.Null()])),
  auth: Type.Optional(Type.Union([Auth, Type.Null()])),
  accept: Type.Optional(
    Type.Union([Accept, Type.Null()], { description: 'With what its calls show who they are, beside their address.' }),
  ),
  registerSeconds: whole(30, 86_400),
  optionsSeconds: whole(1, 3600),
  callsPerSecond: whole(1),
  priority: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 65535,
      description: 'Of the trunks that may carry a number the lowest is tried first; default 0.',
    }),
  ),
  destinations: Type.Optional(
    Type.Union([Type.Array(Type.String({ pattern: '^\\+?[0-9]{1,15}$' }), { maxItems: 1000 }), Type.Null()], {
      description: 'What the numbers begin with that it may carry; null for all. Emergency numbers it may always.',
    }),
  ),
  numbers: Type.Optional(Type.Union([NumberRules, Type.Null()])),
  sources: Type.Optional(
    Type.Union([Type.Array(Type.String(), { maxItems: 256 }), Type.Null()], {
      description: 'Networks, CIDR, from which it calls beside its gateways, and to which no call goes; null for none.',
    }),
  ),
}
export const NewTrunk = Type.Object({ name: Type.String(), gateways: Gateways, ...fields }, { additionalProperties: false })
export const TrunkPatch = Type.Object(
  { name: Type.Optional(Type.String()), gateways: Type.Optional(Gateways), ...fields },
  { additionalProperties: false, minProperties: 1 },
)

/** What a request says of a trunk: what is absent stays, null takes away. */
export interface TrunkFields {
  name?: string
  gateways?: { address: string; port?: number; transport?: GatewayTransport; priority?: number; weight?: number }[]
  maxIn?: number | null
  maxOut?: number | null
  emergencyReserve?: number
  srtp?: TrunkConfig['srtp']
  codecs?: CodecName[] | null
  transcode?: boolean
  renegotiate?: boolean
  digits?: NonNullable<TrunkConfig['digits']>
  tones?: NonNullable<TrunkConfig['tones']>
  media?: TrunkConfig['media']
  earlyMedia?: 'pass' | 'ignore'
  diversion?: NonNullable<TrunkConfig['diversion']>
  identity?: NonNullable<TrunkConfig['identity']>
  redirects?: NonNullable<TrunkConfig['redirects']>
  tls?: { ca?: string; certificate?: string; key?: string; serverName?: string } | null
  auth?: { user: string; password: string } | null
  accept?: { user: string; password: string; algorithm?: 'MD5' | 'SHA-256' } | null
  registerSeconds?: number | null
  optionsSeconds?: number | null
  callsPerSecond?: number | null
  priority?: number
  destinations?: string[] | null
  numbers?: TrunkConfig['numbers'] | null
  sources?: string[] | null
}

const OPTIONAL = [
  ...(['maxIn', 'maxOut', 'registerSeconds', 'optionsSeconds', 'callsPerSecond'] as const),
  ...(['priority', 'destinations', 'sources', 'numbers', 'codecs'] as const),
]

function completed(gateway: NonNullable<TrunkFields['gateways']>[number]): GatewayConfig {
  const { address, port = gateway.transport === 'tls' ? 5061 : 5060 } = gateway
  if (isIP(address) === 0) return { ...gateway, address: hostName(address) ?? address }
  // One text an address: a datagram's source is compared with it.
  return { ...gateway, address: isIPv6(address) ? new SocketAddress({ address, family: 'ipv6' }).address : address, port }
}

/** A trunk with these fields changed; `seal` keeps its password and key. */
export function changedTrunk<T extends Omit<TrunkConfig, 'id'>>(
  trunk: T,
  fields: TrunkFields,
  seal: (password: string) => NonNullable<TrunkConfig['credentials']>['password'],
): T {
  const next: T = {
    ...trunk,
    name: fields.name ?? trunk.name,
    gateways: fields.gateways?.map(completed) ?? trunk.gateways,
    emergencyReserve: fields.emergencyReserve ?? trunk.emergencyReserve,
    media: fields.media ?? trunk.media,
    ...(fields.srtp ? { srtp: fields.srtp } : {}),
  }
  if (fields.earlyMedia) next.earlyMedia = fields.earlyMedia
  if (fields.transcode !== undefined) next.transcode = fields.transcode
  if (fields.renegotiate !== undefined) next.renegotiate = fields.renegotiate
  if (fields.digits) next.digits = fields.digits
  if (fields.tones) next.tones = fields.tones
  if (fields.diversion) next.diversion = fields.diversion
  if (fields.identity) next.identity = fields.identity
  if (fields.redirects) next.redirects = fields.redirects
  for (const name of OPTIONAL) {
    if (fields[name] === null) delete next[name]
    else if (fields[name] !== undefined) Object.assign(next, { [name]: fields[name] })
  }
  if (fields.tls === null) delete next.tls
  else if (fields.tls) next.tls = sealedTls(fields.tls, trunk.tls, seal)
  if (fields.auth === null) delete next.credentials
  else if (fields.auth) next.credentials = { user: fields.auth.user, password: seal(fields.auth.password) }
  if (fields.accept === null) delete next.accept
  else if (fields.accept) next.accept = { ...fields.accept, password: seal(fields.accept.password) }
  return next
}

/** A trunk as it is shown: its password and key are never told again. */
export function shownTrunk({ credentials, tls, accept, ...trunk }: TrunkConfig, state?: TrunkState) {
  const { key: _key, ...told } = tls ?? {}
  return {
    ...trunk,
    ...(tls ? { tls: told } : {}),
    ...(credentials ? { user: credentials.user } : {}),
    ...(accept ? { accept: { user: accept.user, algorithm: accept.algorithm ?? 'MD5' } } : {}),
    ...(state ? { state } : {}),
  }
}
