import type { Id } from '#lib/index.ts'
import type { AgentFailure, Snapshot, SnapshotChange } from './snapshot.ts'
import type { IpFamily, Realm } from './voice.ts'

export type ChannelState = 'provisioned' | 'connecting' | 'up' | 'stale' | 'down' | 'removed'

export type AgentState = 'none' | 'starting' | 'ready' | 'backing-off' | 'stopped'

export interface ChannelStatus {
  subscriber: Id<'sub'>
  state: ChannelState
  reason: string
  /** Seconds since WireGuard's last handshake; null before the first. */
  handshakeAgeSeconds: number | null
  receivedBytes: number
  sentBytes: number
  mtu: number
}

export interface AgentStatus {
  subscriber: Id<'sub'>
  state: AgentState
  reason: string
  version: Id<'agt'> | null
  pid: number | null
  restarts: number
  /** The version that is or was tried beside it, until the publication has another one or none. */
  candidate?: CandidateStatus
}

/** `proven`: it has loaded, its link to the switch was ready, and it takes the new calls. */
export interface CandidateStatus extends AgentFailure {
  version: Id<'agt'>
  verdict: 'trying' | 'proven' | 'failed'
}

/** What an agent has printed of calls, by the ids that it names: whether they are its own, host does not know. */
export interface AgentSaid {
  subscriber: Id<'sub'>
  /** Ms since the epoch. */
  wall: number
  lines: { call: Id<'call'>; text: string }[]
}

/** One step of `tieline channel check`; steps stop to be tried after the first that fails. */
export interface CheckStep {
  step: 'namespace' | 'handshake' | 'gateway' | 'dns' | 'route' | 'route-back' | 'mtu'
  ok: boolean
  /** What was seen and what to do, one sentence for people. */
  text: string
}

/** Memory that a sandbox of an agent holds, or is to. */
export interface SandboxMemory {
  /** Which sandbox of the node it is: a name that host gives it. */
  sandbox: string
  subscriber: Id<'sub'>
  /** The version that runs in it. */
  agent: Id<'agt'>
  mebibytes: number
}

/** What host asks of the switch, over the switch's own link to it. */
export interface MemoryMethods {
  /** Leases it, before the sandbox is started; again for the same sandbox it has no effect. Rejects with the refusal. */
  'memory.take': { params: SandboxMemory; result: null }
}

/** What control, switch and voice may ask of host. */
export interface HostMethods {
  /** Control publishes. Answers with the number that host is at: when it isn't the change's, a whole snapshot is due. */
  publish: { params: { snapshot: Snapshot } | { change: SnapshotChange }; result: { number: number } }
  /** Waits until the kernel is as the snapshot says for one subscriber, or says what is wrong. */
  settle: { params: { subscriber: Id<'sub'>; timeoutMs: number }; result: { ok: boolean; reason: string } }
  'channel.list': { params: Record<string, never>; result: ChannelStatus[] }
  'channel.check': { params: { subscriber: Id<'sub'> }; result: CheckStep[] }
  'agent.list': { params: Record<string, never>; result: AgentStatus[] }
  'agent.logs': { params: { subscriber: Id<'sub'>; lines: number }; result: { lines: string[] } }
  /** For the switch, when it is linked: what sandboxes hold, and what is asked for them and not granted yet. */
  'memory.list': { params: Record<string, never>; result: (SandboxMemory & { granted: boolean })[] }
  /** Kills and starts again, for the operator and for tests. */
  'agent.restart': { params: { subscriber: Id<'sub'> }; result: null }
  /**
   * Opens a UDP socket bound to `port` at the realm's address of this family, or else its first one, and hands it to the asking process over its IPC channel as
   * `{ socket: { id, realm, purpose: 'rtp', address, port } }`. Rejects when the port is taken.
   */
  'socket.open': {
    params: { realm: Realm; port: number; family?: IpFamily }
    result: { id: string; address: string; port: number }
  }
  /**
   * Opens a TCP socket bound to the realm's address of this family, or else its first one, not yet connected, and hands it to the switch over its IPC channel as
   * `{ socket: { id, realm, purpose: 'sip-out', … } }`.
   */
  'socket.stream': { params: { realm: Realm; id: string; family?: IpFamily }; result: null }
  /** What leads to each process, for `tieline status`; and of SIP over TLS, where it is configured. */
  status: {
    params: Record<string, never>
    result: { instance: string; processes: ProcessStatus[]; snapshot: number; sipTls?: SipTlsStatus }
  }
}

/** The certificate that is in use, PEM, and why its files cannot be; null where they can. */
export interface SipTlsStatus {
  certificate: string
  fault: string | null
}

export interface ProcessStatus {
  name: string
  pid: number | null
  uid: number
  restarts: number
  startedAt: string
}

/** What host tells every linked process unasked. */
export interface HostNotifications {
  'channel.state': ChannelStatus
  'agent.state': AgentStatus
  /** To the switch alone: a sandbox is gone, and its memory is free. */
  'memory.free': { sandbox: string; reason: string }
  /** To the switch alone, where Homer is told of calls: lines that an agent has printed and that name a call. */
  'agent.said': AgentSaid
}

/** The message that carries a socket over Node's IPC channel; its second argument is Node's own handle, not read from yet. */
export interface SocketHandover {
  socket: {
    id: string
    realm: Realm
    /**
     * `sip`, `sip-tcp`, `sip-tls`: a listening SIP socket, sent again to a restarted switch. `sip-out`: for one connection
     * that the switch makes. `dns`: for questions to a site's DNS.
     */
    purpose: 'sip' | 'sip-tcp' | 'sip-tls' | 'sip-out' | 'dns' | 'rtp'
    address: string
    port: number
  }
}

/** A realm stands at this address no longer: close what you hold that is bound to it. */
export interface AddressGone {
  addressGone: { realm: Realm; address: string }
}

/** A realm is gone: close what you hold of it. */
export interface RealmGone {
  gone: { realm: Realm }
}
