import { type TSchema, Type } from 'typebox'
import { CODEC_NAMES } from '#platform/words/index.ts'
import { type CodecName, TONE_COUNTRIES } from '#protocol/audio/index.ts'

/** Schemas that more than one route speaks of. They check, document and give the types. */

const closed = { additionalProperties: false }
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const Allocation = Type.Object(
  { kind: Type.String(), guaranteed: Type.Integer({ minimum: 0 }), ceiling: Type.Integer({ minimum: 0 }) },
  closed,
)

const Via = Type.Optional(Type.Union([Type.Literal('channel'), Type.Literal('trunk')]))

/** Which tones of a network are listened for. */
export const Progress = Type.Object(
  {
    country: Type.Optional(
      Type.Union(
        TONE_COUNTRIES.map((country) => Type.Literal(country)),
        { description: 'Whose tones (ISO 3166-1); without one as most of Europe’s' },
      ),
    ),
    end: Type.Optional(
      Type.Boolean({
        description: 'Whether busy, congestion and special information tones end the leg, as a status would; default true',
      }),
    ),
    afterAnswerSeconds: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 30,
        description: 'For so long behind the answer, too: some networks answer, and then say busy. Default 0',
      }),
    ),
  },
  {
    ...closed,
    description:
      'Listens to the tones of whoever is called. Events `call.progress` tell dial, ringback, busy, congestion or sit.',
  },
)

/** How a default route is taken. Nobody is there whom `amd` could tell who has answered, so that it has none. */
const taken = { via: Via, progress: Type.Optional(Progress) }

/** Where a call goes when no agent decides. */
export const DefaultRoute = Type.Union(
  [
    Type.Object({ pbx: Type.String(), ...taken }, closed),
    Type.Object({ user: Type.String(), ...taken }, closed),
    Type.Object({ sip: Type.String(), ...taken }, closed),
    Type.Object({ trunk: Type.String(), number: Type.String(), ...taken }, closed),
    Type.Object({ number: Type.String(), ...taken }, closed),
  ],
  { description: 'An extension of the PBX, a user, a SIP URI of the site, or a number, over a named trunk or any.' },
)

export const Dns = Type.Object(
  { servers: Type.Array(Type.String(), { minItems: 1, maxItems: 3 }), search: Type.Optional(Type.String()) },
  closed,
)

const PbxTransport = Type.Optional(
  Type.Union([Type.Literal('udp'), Type.Literal('tcp'), Type.Literal('tls')], {
    description: 'Default udp; for a name without a port what NAPTR and SRV say.',
  }),
)
const trustFields = {
  ca: Type.Optional(Type.String({ description: 'PEM: whom its certificate comes from; default whoever is generally known.' })),
  certificate: Type.Optional(Type.String({ description: 'PEM: what it is shown as a client’s, where it asks for that.' })),
  serverName: Type.Optional(Type.String({ description: 'What its certificate is for; default its name, or its address.' })),
}
const PbxTls = Type.Object(
  {
    ...trustFields,
    key: Type.Optional(
      Type.String({
        description: 'PEM: the key of the certificate, never told again; absent it stays as long as the certificate.',
      }),
    ),
  },
  { ...closed, description: 'To whom the PBX is held where it is called by TLS, and what it is shown.' },
)
const pbxFields = {
  port: Type.Optional(
    Type.Integer({
      description: 'Default 5060, with tls 5061; for a name what SRV says, which is not asked where a port is given.',
    }),
  ),
  host: Type.Optional(
    Type.String({
      description: 'An address of the site, or a name of its DNS, by NAPTR, SRV and address. Absent where it registers.',
    }),
  ),
  transport: PbxTransport,
  number: Type.Optional(Type.String()),
  account: Type.Optional(Type.String({ description: 'The telephone as which it registers: its calls go to where that is.' })),
  calls: Type.Optional(
    Type.Union([Type.Literal('network'), Type.Literal('digest')], {
      description: 'Whether its calls are believed for the network that they come from (default), or have to prove its account.',
    }),
  ),
}
const Pbx = Type.Object({ ...pbxFields, tls: Type.Optional(PbxTls) }, closed)
/** Without the key of its certificate. */
const ShownPbx = Type.Object({ ...pbxFields, tls: Type.Optional(Type.Object(trustFields)) })

const agentLimits = {
  memoryMebibytes: Type.Optional(Type.Integer()),
  cpuShare: Type.Optional(Type.Number()),
  maxProcesses: Type.Optional(Type.Integer()),
  listen: Type.Optional(Type.Array(Type.Integer(), { maxItems: 64 })),
}

const VoiceLoss = Type.Union([Type.Literal('move'), Type.Literal('end')], {
  description: 'What becomes of answered legs whose voice process dies. Default move.',
})
const ChannelLoss = Type.Union([Type.Literal('end'), Type.Literal('trunk')], {
  description: 'What becomes of a leg whose channel is cut: it ends, or the site is dialled over the trunk. Default end.',
})
const Survival = Type.Object({ voice: Type.Optional(VoiceLoss), channel: Type.Optional(ChannelLoss) }, closed)

/** One type with null in it, and no union: nothing is made an array of that is none. */
const CODEC_LIST = { type: ['array', 'null'], items: { enum: CODEC_NAMES }, minItems: 1, maxItems: CODEC_NAMES.length }
const CodecNames = Type.Unsafe<CodecName[] | null>({
  ...CODEC_LIST,
  description: 'What its legs may speak, best first; null for what is usual: of a trunk PCMA, PCMU and G722, of a site all.',
})

const Digits = Type.Union([Type.Literal('tones'), Type.Literal('info')], {
  description: 'How keys reach a far end that has agreed on no telephone-events: as tones, or by INFO. Default tones.',
})

const Tones = Type.Union([Type.Literal('keys'), Type.Literal('sound')], {
  description:
    'What the tones of a far end that has agreed on no telephone-events are while it talks to one that is told of keys in another way: keys, told so and not heard, for which a listener is leased (voice.keys); or sound like any other. Default keys.',
})

/** What may be said of codecs of a trunk, and of a site. */
export const codecFields = {
  codecs: Type.Optional(CodecNames),
  transcode: Type.Optional(
    Type.Boolean({ description: 'Whether that may be turned into what the other leg of a call speaks; default true.' }),
  ),
  renegotiate: Type.Optional(
    Type.Boolean({ description: 'Whether its legs may be asked by a re-INVITE for the codec of the other leg; default true.' }),
  ),
  digits: Type.Optional(Digits),
  tones: Type.Optional(Tones),
}

/** The same of a site, whose telephones may speak something else than its PBX. */
const siteCodecFields = {
  ...codecFields,
  telephoneCodecs: Type.Optional(
    Type.Unsafe<CodecName[] | null>({
      ...CODEC_LIST,
      description: 'What the legs of its telephones may speak, best first; null for what those of its PBX may.',
    }),
  ),
}

export const Srtp = Type.Union([Type.Literal('off'), Type.Literal('offered'), Type.Literal('required')], {
  description: 'Whether sound is protected by SRTP (keys by SDP, RFC 4568): never, when the far end can, or always.',
})

const TelephoneDigest = Type.Union([Type.Literal('MD5'), Type.Literal('SHA-256')], {
  description: 'By which digest telephones and the PBX show who they are. Default MD5, which all of them know.',
})

const ForwardOutside = Type.Union([Type.Literal('allowed'), Type.Literal('denied')], {
  description: "Whether users' calls may be sent on to numbers outside, at the subscriber's cost.",
})

export const TollPolicy = Type.Union([Type.Literal('allowed'), Type.Literal('limited'), Type.Literal('denied')], {
  description: 'Whether numbers of the class may be called.',
})

const Limit = (what: string) => Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: what }))
const Amount = (when: string) =>
  Type.Optional(
    Type.String({
      maxLength: 16,
      description: `What calls out cost ${when} by the plan, a decimal in its currency, without tax.`,
    }),
  )
export const TollLimits = Type.Object(
  {
    callsPerMinute: Limit('Calls out that begin in every minute.'),
    callsPerHour: Limit('Calls out that begin in every hour.'),
    minutesPerDay: Limit('Minutes of answered calls out in a day of the time zone.'),
    spendPerDay: Amount('in a day'),
    spendPerMonth: Amount('in a month'),
  },
  closed,
)

const ClassName = Type.String({ maxLength: 32 })
const TollRules = Type.Object(
  {
    classes: Type.Optional(Type.Record(ClassName, TollPolicy)),
    limits: Type.Optional(TollLimits),
    classLimits: Type.Optional(Type.Record(ClassName, TollLimits)),
  },
  {
    ...closed,
    description:
      'What its calls out may be: policies of classes, where another than the class has; limits of all, and of limited classes.',
  },
)

const LowBalance = Type.String({
  maxLength: 20,
  description:
    'Where it pays in advance: below this balance there are an event and an alarm. A decimal in the currency of its plan.',
})

const TelephoneTls = Type.Union([Type.Literal('allowed'), Type.Literal('required')], {
  description: 'Whether telephones may register and call without TLS.',
})

export const InstallOrder = Type.Object(
  {
    name: Type.String(),
    numbers: Type.Array(Type.String(), { maxItems: 10_000 }),
    timeZone: Type.Optional(Type.String()),
    plan: Type.Optional(Type.String()),
    allocations: Type.Optional(Type.Array(Allocation, { maxItems: 100 })),
    site: Type.Object(
      {
        networks: Type.Array(Type.String(), { minItems: 1, maxItems: 64 }),
        pbx: Type.Optional(Pbx),
        dns: Type.Optional(Dns),
        publicKey: Type.Optional(Type.String({ description: "The site's own WireGuard public key." })),
        emergencyCallerId: Type.Optional(Type.String()),
        srtp: Type.Optional(Srtp),
        telephoneTls: Type.Optional(TelephoneTls),
        ...siteCodecFields,
        telephoneDigest: Type.Optional(TelephoneDigest),
        lan: Type.Optional(Type.Union([Type.Literal('route'), Type.Literal('masquerade')])),
      },
      closed,
    ),
    survival: Type.Optional(Survival),
    forwardOutside: Type.Optional(ForwardOutside),
    defaultRoute: DefaultRoute,
    agent: Type.Optional(Type.Object({ decisionDeadlineMs: Type.Optional(Type.Integer()), ...agentLimits }, closed)),
    telephones: Type.Optional(Type.Array(Type.String(), { maxItems: 10_000 })),
  },
  closed,
)

export const SubscriberPatch = Type.Object(
  {
    defaultRoute: Type.Optional(DefaultRoute),
    pbx: Type.Optional(Nullable(Pbx)),
    decisionDeadlineMs: Type.Optional(Type.Integer()),
    timeZone: Type.Optional(Type.String()),
    plan: Type.Optional(Type.String()),
    emergencyCallerId: Type.Optional(Nullable(Type.String())),
    srtp: Type.Optional(Srtp),
    telephoneTls: Type.Optional(TelephoneTls),
    ...siteCodecFields,
    telephoneDigest: Type.Optional(TelephoneDigest),
    survival: Type.Optional(Survival),
    forwardOutside: Type.Optional(ForwardOutside),
    toll: Type.Optional(TollRules),
    lowBalance: Type.Optional(Nullable(LowBalance)),
    siteNetworks: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 64 })),
    dns: Type.Optional(Nullable(Dns)),
    agent: Type.Optional(Type.Object(agentLimits, closed)),
  },
  { ...closed, minProperties: 1 },
)

export const Subscriber = Type.Object({
  id: Type.String(),
  name: Type.String(),
  state: Type.String({ description: 'installing, active, suspended or removing' }),
  timeZone: Type.String(),
  plan: Nullable(Type.String()),
  numbers: Type.Array(Type.String()),
  allocations: Type.Array(Allocation),
  defaultRoute: DefaultRoute,
  site: Type.Object({
    networks: Type.Array(Type.String()),
    dns: Nullable(Dns),
    pbx: Nullable(ShownPbx),
    emergencyCallerId: Nullable(Type.String()),
    srtp: Srtp,
    telephoneTls: TelephoneTls,
    ...siteCodecFields,
    telephoneDigest: TelephoneDigest,
  }),
  forwardOutside: ForwardOutside,
  toll: TollRules,
  lowBalance: Nullable(LowBalance),
  survival: Type.Object({ voice: VoiceLoss, channel: ChannelLoss }),
  channel: Type.Object({
    address: Type.String(),
    peerAddress: Type.String(),
    ipv6: Nullable(
      Type.Object(
        { address: Type.String(), peerAddress: Type.String() },
        { description: 'The same by IPv6, of a site whose networks have any.' },
      ),
    ),
    listenPort: Type.Integer(),
    publicKey: Type.String(),
    peerPublicKey: Type.String(),
    siteHoldsKey: Type.Boolean(),
    mtu: Type.Integer(),
    keepaliveSeconds: Type.Integer(),
  }),
  agent: Type.Object({
    version: Nullable(Type.String()),
    decisionDeadlineMs: Type.Integer(),
    memoryMebibytes: Type.Integer(),
    cpuShare: Type.Number(),
    maxProcesses: Type.Integer(),
    listen: Type.Array(Type.Integer()),
  }),
  telephones: Type.Array(Type.String()),
  createdAt: Type.String({ format: 'date-time' }),
})

const NumberRule = Type.Object({ prefix: Type.String(), replace: Type.String() })

export const Trunk = Type.Object({
  id: Type.String(),
  name: Type.String(),
  gateways: Type.Array(
    Type.Object({
      address: Type.String({ description: 'An IP address, or a name.' }),
      port: Type.Optional(Type.Integer({ description: 'Absent where SRV says it.' })),
      transport: Type.Optional(Type.String({ description: 'udp, udp+tcp, tcp or tls; else udp, for a name what DNS says.' })),
      priority: Type.Optional(Type.Integer()),
      weight: Type.Optional(Type.Integer()),
    }),
  ),
  maxIn: Type.Optional(Type.Integer()),
  maxOut: Type.Optional(Type.Integer()),
  emergencyReserve: Type.Integer(),
  media: Type.Union([Type.Literal('relay'), Type.Literal('direct')]),
  earlyMedia: Type.Optional(Type.String({ description: 'ignore: nothing of it is heard before the answer; else pass.' })),
  diversion: Type.Optional(
    Type.String({ description: 'How it is told who sent a call on: history-info or none; else diversion.' }),
  ),
  identity: Type.Optional(Type.String({ description: 'drop: no signed Identity goes on to it; else pass.' })),
  redirects: Type.Optional(Type.String({ description: 'follow: its 3xx is followed to hosts of this trunk; else refuse.' })),
  tls: Type.Optional(
    Type.Object({
      ca: Type.Optional(Type.String()),
      certificate: Type.Optional(Type.String()),
      serverName: Type.Optional(Type.String()),
    }),
  ),
  user: Type.Optional(Type.String({ description: 'The name that answers challenges; its password is never told.' })),
  registerSeconds: Type.Optional(Type.Integer()),
  optionsSeconds: Type.Optional(Type.Integer()),
  callsPerSecond: Type.Optional(Type.Integer()),
  priority: Type.Optional(Type.Integer({ description: 'The lowest is tried first; else 0.' })),
  destinations: Type.Optional(
    Type.Array(Type.String(), { description: 'What the numbers begin with that it may carry; else all.' }),
  ),
  sources: Type.Optional(Type.Array(Type.String(), { description: 'Networks from which it calls beside its gateways.' })),
  numbers: Type.Optional(Type.Object({ in: Type.Array(NumberRule), out: Type.Array(NumberRule) })),
  state: Type.Optional(
    Type.Object({
      gateways: Type.Array(
        Type.Object({
          name: Type.Optional(Type.String({ description: 'Of the gateway that this is a server of.' })),
          ...{ address: Type.String(), port: Type.Integer(), transport: Type.String() },
          ...{ state: Type.String({ description: 'up or down.' }), lost: Type.Integer() },
          trouble: Type.Optional(Type.String({ description: 'Why no connection to it can be had.' })),
        }),
      ),
      names: Type.Array(
        Type.Object({
          name: Type.String(),
          state: Type.String({ description: 'looking, located, kept (from before DNS fell silent) or nowhere.' }),
          text: Type.String(),
        }),
      ),
      registration: Type.Union([Type.Object({ state: Type.String(), text: Type.String() }), Type.Null()]),
    }),
  ),
  srtp: Type.Optional(Srtp),
  ...codecFields,
})

export const AgentFailure = Type.Object({
  reason: Type.String(),
  log: Type.Array(Type.String(), { description: 'The last lines that it has printed.' }),
})

export const AgentVersion = Type.Object({
  id: Type.String(),
  digest: Type.String({ description: 'SHA-256 of the tarball, hex.' }),
  entry: Type.String(),
  bytes: Type.Integer(),
  createdAt: Type.String({ format: 'date-time' }),
  active: Type.Boolean({ description: 'Whether it takes the new calls.' }),
  state: Type.String({
    description:
      'active, tried (it runs beside the active one until it has proven itself), failed (when it was tried last), or former.',
  }),
  failure: Nullable(AgentFailure),
})

export const Event = Type.Object({
  id: Type.String(),
  subscriber: Type.String(),
  number: Type.Integer({ description: 'Per subscriber, from 1, without a gap.' }),
  at: Type.String({ format: 'date-time' }),
  type: Type.String(),
  call: Type.Optional(Type.String()),
  leg: Type.Optional(Type.String()),
  cause: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  data: Type.Record(Type.String(), Type.Unknown()),
})

/** Cursors: `after` is what the last page's `next` said. */
export const PageParams = Type.Object(
  { after: Type.Optional(Type.String()), limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })) },
  closed,
)

export const Paged = <T extends TSchema>(item: T) => Type.Object({ items: Type.Array(item), next: Type.Optional(Type.String()) })

export const OfSubscriber = Type.Object({ subscriber: Type.String({ description: 'Id or name.' }) })
export const Done = Type.Null({ description: 'Done; there is nothing to say.' })
