import type { ColumnType, Generated, GeneratedAlways } from 'kysely'
import type { DigitPolicy, GatewayTransport, Sealed, TollPolicy, TonePolicy } from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'

/** PostgreSQL's bigint comes back as text, so that nothing is lost; every figure of these tables is below 2^53. */
type Bigint = ColumnType<string, number, number>
/** Written by `json()`, read as parsed. */
type Json<T> = ColumnType<T, T, T>

/** RFC 4568; off by default. */
type Srtp = ColumnType<'off' | 'offered' | 'required', 'off' | 'offered' | 'required' | undefined>

/** Names; null for what is usual. */
type Codecs = ColumnType<CodecName[] | null, CodecName[] | null | undefined>

/** The tables of this folder's first migration. Billing keeps its own list. */
export interface Database {
  subscriber: {
    id: string
    name: string
    slot: number
    state: 'installing' | 'active' | 'suspended' | 'removing'
    time_zone: string
    default_route: Json<object>
    pbx: Json<object | null>
    emergency_caller_id: string | null
    srtp: Srtp
    telephone_digest: Generated<'MD5' | 'SHA-256'>
    telephone_tls: Generated<'allowed' | 'required'>
    forward_outside: Generated<'allowed' | 'denied'>
    toll: Json<object | null | undefined>
    spent: Json<object | null | undefined>
    low_balance: Generated<string | null>
    codecs: Codecs
    transcode: Generated<boolean>
    renegotiate: Generated<boolean>
    digits: Generated<DigitPolicy>
    tones: Generated<TonePolicy>
    telephone_codecs: Codecs
    voice_loss: Generated<'move' | 'end'>
    channel_loss: Generated<'end' | 'trunk'>
    agent_version: string | null
    agent_candidate: string | null
    decision_deadline_ms: number
    memory_mebibytes: number
    cpu_share: number
    max_processes: number
    listen: number[]
    created_at: Date
  }
  number: { subscriber_id: string; number: string }
  allocation: { subscriber_id: string; kind: string; guaranteed: Bigint; ceiling: Bigint }
  plan_binding: { subscriber_id: string; since: Date; plan: string }
  channel: {
    subscriber_id: string
    address: string
    peer_address: string
    /** The same by IPv6; null where the site has none. */
    address6: string | null
    peer_address6: string | null
    listen_port: number
    private_key: Sealed
    public_key: string
    peer_public_key: string
    preshared_key: Sealed
    site_holds_key: boolean
    site_networks: string[]
    mtu: number
    keepalive_seconds: number
    dns: Json<object | null>
  }
  agent_version: {
    subscriber_id: string
    id: string
    digest: string
    path: string
    entry: string
    bytes: Bigint
    listen: number[]
    created_at: Date
    failure: Json<object | null>
  }
  certificate: {
    subscriber_id: string
    id: string
    serial: string
    certificate: string
    private_key: Sealed
    not_before: Date
    not_after: Date
    revoked_at: Date | null
  }
  api_key: {
    subscriber_id: string
    id: string
    hash: string
    created_at: Date
    expires_at: Date | null
    revoked_at: Date | null
  }
  telephone: { subscriber_id: string; name: string; password: Sealed }
  site_user: { subscriber_id: string; name: string; ring: Json<object | null>; forward: Json<object | null> }
  site_tls: {
    subscriber_id: string
    ca: string
    ca_key: Sealed
    certificate: string
    private_key: Sealed
    not_after: Date
  }
  rotation: { subscriber_id: string; secret: 'preshared-key'; next: Sealed; activates_at: Date }
  event: {
    subscriber_id: string
    id: string
    number: Bigint
    position: GeneratedAlways<string>
    at: Date
    type: string
    call: string | null
    leg: string | null
    cause: Json<object | null>
    data: Json<object>
  }
  trunk: {
    id: string
    name: string
    max_in: number | null
    max_out: number | null
    emergency_reserve: number
    priority: Generated<number>
    destinations: string[] | null
    sources: string[] | null
    media: 'relay' | 'direct'
    early_media: Generated<'pass' | 'ignore'>
    diversion: Generated<'diversion' | 'history-info' | 'none'>
    identity: Generated<'pass' | 'drop'>
    redirects: Generated<'refuse' | 'follow'>
    tls: Json<object | null>
    auth_user: string | null
    auth_password: Sealed | null
    accept: Json<object | null>
    register_seconds: number | null
    options_seconds: number | null
    calls_per_second: number | null
    numbers: Json<object | null>
    srtp: Srtp
    codecs: Codecs
    transcode: Generated<boolean>
    renegotiate: Generated<boolean>
    digits: Generated<DigitPolicy>
    tones: Generated<TonePolicy>
  }
  gateway: {
    trunk_id: string
    position: number
    address: string
    port: number | null
    transport: GatewayTransport | null
    priority: number | null
    weight: number | null
  }
  capacity: { node: string; kind: string; capacity: Bigint }
  toll_class: { name: string; title: string; prefixes: string[]; policy: TollPolicy; limits: Json<object | null | undefined> }
  emergency_number: { number: string }
  authority: { name: 'ca' | 'switch'; certificate: string; private_key: Sealed; not_after: Date }
  operator_key: { id: string; hash: string; label: string; created_at: Date; expires_at: Date | null; revoked_at: Date | null }
  publication: { only_row: boolean; number: Bigint }
  shipped: { node: string; position: Bigint }
  idempotency: {
    scope: string
    key: string
    fingerprint: string
    boot: string
    status: number | null
    answer: Sealed | null
    created_at: Date
  }
}
