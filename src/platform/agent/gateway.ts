import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import tls from 'node:tls'
import { type Clock, type Id, isId, type Log, TielineError } from '#lib/index.ts'
import type { AgentMethods, AgentNotifications, CallCause, OfferedCall, VerbMethods } from '#platform/words/index.ts'
import { type CallContext, type Handlers, type Link, LinkLost, serveLink } from '#protocol/link/index.ts'
import { AgentConnections, type Connection } from './connection.ts'
import { checkVerb, VERB_NAMES, type VerbName } from './verb.ts'

/** The version of the contract between switch and SDK; one release of skew works (O02). */
export const AGENT_PROTOCOL = 1

/** Verbs that one agent may have unanswered at once. */
const MAX_IN_FLIGHT = 2000

/** The contract of an agent's link from the switch's side. */
export interface GatewayTypes {
  answers: VerbMethods
  calls: AgentMethods
  says: AgentNotifications
}

export interface AgentGatewayOptions {
  /** The socket's pathname; its directory is made where it is missing. */
  path: string
  log: Log
  /** PEM. The CA is the platform's own: whoever has a certificate of it may knock. */
  certificate: string
  key: string
  ca: string
  /**
   * Whether the snapshot holds a certificate with this fingerprint for the subscriber, or did so within the overlap.
   * `fingerprint` is SHA-256 as node:crypto's `X509Certificate.fingerprint256` writes it: `AB:CD:…`.
   */
  isCurrent(subscriber: Id<'sub'>, fingerprint: string): boolean
  /**
   * An agent's verb for a call that was offered to it on this very link and has not ended; `params` are checked. The
   * signal aborts when the agent gives up or its link is lost. What it rejects with goes to the agent.
   */
  onVerb<V extends VerbName>(
    subscriber: Id<'sub'>,
    method: V,
    params: VerbMethods[V]['params'],
    signal: AbortSignal,
  ): Promise<VerbMethods[V]['result']>
  /** Whether the subscriber has an agent that can be offered calls; told when that changes. */
  onState(subscriber: Id<'sub'>, state: 'connected' | 'disconnected'): void
  heartbeat?: { everyMs: number; deadMs: number }
  clock?: Clock
}

export interface AgentGateway extends AsyncDisposable {
  connected(subscriber: Id<'sub'>): boolean
  /**
   * Gives a call to the subscriber's newest agent. Resolves when the agent's function for it has returned; rejects with
   * LinkLost when there is no agent, or when it dies first.
   */
  offer(subscriber: Id<'sub'>, kind: 'offered' | 'resumed', offered: OfferedCall): Promise<AgentMethods['call.offered']['result']>
  /** The call is over: the last that its agent hears of it. Verbs for it get `call-gone` from here on. */
  ended(subscriber: Id<'sub'>, call: Id<'call'>, cause: CallCause): void
  digit(subscriber: Id<'sub'>, call: Id<'call'>, digit: string): void
  partial(subscriber: Id<'sub'>, call: Id<'call'>, text: string): void
  amd(subscriber: Id<'sub'>, verdict: AgentNotifications['call.amd']): void
  progress(subscriber: Id<'sub'>, progress: AgentNotifications['call.progress']): void
  /** New certificates from now on, and a look at `isCurrent` again: links that have been revoked are cut. */
  update(certificates?: { certificate: string; key: string; ca: string }): void
  close(): Promise<void>
}

export const callGone = (call: unknown) =>
  new TielineError('the call is gone', { code: 'call-gone', fault: 'caller', retry: false, http: 410 }, { call: String(call) })

const refused = (why: string) => new TielineError(why, { code: 'refused', fault: 'subscriber', retry: false, http: 403 })

/** Where agents connect. The certificate is the identity; nothing that an agent says of itself is believed. */
export async function createAgentGateway(options: AgentGatewayOptions): Promise<AgentGateway> {
  const { log } = options
  const connections = new AgentConnections(options.onState)
  const server = tlsServer(options)
  mkdirSync(dirname(options.path), { recursive: true, mode: 0o755 })
  const links = await serveLink<GatewayTypes>({
    path: options.path,
    mode: 0o666,
    server,
    hello: { process: 'switch', version: AGENT_PROTOCOL },
    log,
    maxLineBytes: 64 << 10,
    maxInFlight: MAX_IN_FLIGHT,
    ...(options.heartbeat ? { heartbeat: options.heartbeat } : {}),
    ...(options.clock ? { clock: options.clock } : {}),
    methods: verbHandlers(options, connections),
    onPeer: (link) => welcome(link, options, connections),
  })

  const close = () => links.close()
  return {
    connected: (subscriber) => connections.newest(subscriber) !== null,
    async offer(subscriber, kind, offered) {
      const connection = connections.newest(subscriber)
      if (!connection) throw new LinkLost('unreachable')
      connections.give(offered.call, connection)
      return checkOutcome(await connection.link.call(`call.${kind}`, offered))
    },
    ended(subscriber, call, cause) {
      const told = new Set([connections.take(subscriber, call), connections.unmake(subscriber, call)])
      for (const connection of told) connection?.link.notify('call.ended', { call, cause })
    },
    digit(subscriber, call, digit) {
      connections.holder(subscriber, call)?.link.notify('call.digit', { call, digit })
    },
    partial(subscriber, call, text) {
      connections.holder(subscriber, call)?.link.notify('call.partial', { call, text })
    },
    amd(subscriber, verdict) {
      connections.holder(subscriber, verdict.call)?.link.notify('call.amd', verdict)
    },
    progress(subscriber, progress) {
      connections.holder(subscriber, progress.call)?.link.notify('call.progress', progress)
    },
    update(certificates) {
      if (certificates) server.setSecureContext(secureContext(certificates))
      for (const c of connections.all()) {
        if (!options.isCurrent(c.subscriber, c.fingerprint)) c.link.refuse('the certificate is not valid any more')
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function secureContext(c: { certificate: string; key: string; ca: string }) {
  return { cert: c.certificate, key: c.key, ca: c.ca, minVersion: 'TLSv1.3' as const }
}

function tlsServer(options: AgentGatewayOptions): tls.Server {
  const server = tls.createServer({
    ...secureContext(options),
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: 5000,
  })
  server.on('tlsClientError', (error) => options.log.warn({ reason: error.message }, 'a stranger knocked at the agents link'))
  return server
}

/** Decides from its certificate alone whose agent a link is. */
function welcome(link: Link<GatewayTypes>, options: AgentGatewayOptions, connections: AgentConnections): void {
  const certificate = (link.stream as tls.TLSSocket).getPeerX509Certificate()
  const subscriber = /^CN=(.+)$/m.exec(certificate?.subject ?? '')?.[1]
  if (!certificate || !isId('sub', subscriber)) throw refused('the certificate names no subscriber')
  const fingerprint = certificate.fingerprint256
  if (!options.isCurrent(subscriber, fingerprint)) throw refused('the certificate is not valid any more')
  const facts = link.peer.facts ?? {}
  const startedAt = typeof facts.startedAt === 'number' ? facts.startedAt : 0
  const connection: Connection = {
    subscriber,
    fingerprint,
    startedAt,
    version: String(facts.version ?? ''),
    link,
    calls: new Set(),
    made: new Set(),
  }
  options.log.info({ subscriber, version: connection.version }, 'an agent has connected')
  connections.add(connection)
}

type Made = VerbMethods['call.make']['params']

/** Its agent is told when it ends, also when it never came to be offered. */
async function made(
  options: AgentGatewayOptions,
  connections: AgentConnections,
  connection: Connection,
  params: Made,
  signal: AbortSignal,
) {
  const { subscriber } = connection
  connections.make(params.call, connection)
  try {
    return await options.onVerb(subscriber, 'call.make', params, signal)
  } catch (error) {
    connections.unmake(subscriber, params.call)
    throw error
  }
}

function verbHandlers(options: AgentGatewayOptions, connections: AgentConnections): Handlers<VerbMethods, GatewayTypes> {
  const handle =
    <V extends VerbName>(verb: V) =>
    (params: unknown, { link, signal }: CallContext<GatewayTypes>) => {
      const call = (params as { call?: unknown } | null)?.call
      const connection = connections.of(link)
      // One answer for a call that has ended, never was, or is another subscriber's (T02).
      const known = verb === 'call.make' ? connection !== undefined : connection?.calls.has(call as Id<'call'>)
      if (!connection || !known) throw callGone(call)
      const checked = checkVerb(verb, params)
      if (verb === 'call.make') return made(options, connections, connection, checked as Made, signal) as never
      return options.onVerb(connection.subscriber, verb, checked, signal)
    }
  return Object.fromEntries(VERB_NAMES.map((verb) => [verb, handle(verb)])) as unknown as Handlers<VerbMethods, GatewayTypes>
}

function checkOutcome(answer: unknown): AgentMethods['call.offered']['result'] {
  const { outcome, message } = (answer ?? {}) as { outcome?: unknown; message?: unknown }
  if (outcome === 'returned') return { outcome }
  return { outcome: 'threw', message: typeof message === 'string' ? message.slice(0, 500) : 'the agent gave no outcome' }
}
