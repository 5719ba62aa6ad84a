import { type Id, TielineError } from '#lib/index.ts'
import { checkChannel, type Receiver } from '#platform/channel/index.ts'
import type { HostMethods, HostNotifications, MemoryMethods, ProcessStatus, SipTlsStatus } from '#platform/words/index.ts'
import type { CallContext, Handlers } from '#protocol/link/index.ts'
import type { Agents } from './agents.ts'
import type { NodeMemory } from './memory.ts'
import type { NodeKeeper } from './node-keeper.ts'
import type { Realms } from './realms.ts'
import type { SnapshotFile } from './snapshot-file.ts'

/** The link that host serves. */
export type HostLink = { answers: HostMethods; calls: MemoryMethods; says: HostNotifications }

/** Who is at the other end of a link: known by the kernel, not by what it says of itself. */
export interface Peer {
  /** `control`, `switch`, `voice-0`; `root` for a process of root's that is none of ours. */
  name: string
  /** Where sockets are sent to, if it is one of ours. */
  receiver: Receiver | null
}

export interface HostMethodsParts {
  instance: string
  keeper: NodeKeeper
  realms: Realms
  agents: Agents
  memory: NodeMemory
  snapshot: SnapshotFile
  probeAccount: { name: string; gid: number }
  processes(): ProcessStatus[]
  /** Null where there is no SIP over TLS. */
  sipTls(): SipTlsStatus | null
  /** Null for a stranger. */
  peerOf(context: CallContext<HostLink>): Peer | null
}

/** What host answers on its link. Only control may change anything; voice gets RTP sockets, the switch streams. */
export function hostMethods(parts: HostMethodsParts): Handlers<HostMethods, HostLink> {
  const { keeper, agents, memory, snapshot, instance } = parts
  const only = (context: CallContext<HostLink>, allowed: RegExp): Peer => {
    const peer = parts.peerOf(context)
    if (peer && (peer.name === 'root' || allowed.test(peer.name))) return peer
    throw new TielineError('This process may not ask that.', { code: 'forbidden', fault: 'caller', retry: false, http: 403 })
  }
  const agentOf = (subscriber: Id<'sub'>) => agents.get(subscriber) ?? absent('The subscriber has no agent here.')

  return {
    publish(params, context) {
      only(context, /^control$/)
      return keeper.publish(params)
    },
    settle({ subscriber, timeoutMs }) {
      return keeper.settle(subscriber, Math.min(timeoutMs, 120_000))
    },
    'channel.list': () => keeper.channels.list(),
    async 'channel.check'({ subscriber }, context) {
      only(context, /^control$/)
      // What is on its way is not what is wrong.
      await keeper.channels.settled(subscriber)
      const config = snapshot.subscriber(subscriber)
      const channel = keeper.channels.get(subscriber)
      if (!config || !channel) return absent('There is no such channel.')
      const dnsServers = config.channel.dns?.servers ?? []
      return checkChannel({ channel, site: config.site, dnsServers, account: parts.probeAccount })
    },
    'agent.list': () => agents.list(),
    'memory.list'(_params, context) {
      only(context, /^switch$/)
      return memory.list()
    },
    'agent.logs'({ subscriber, lines }, context) {
      only(context, /^control$/)
      return { lines: agentOf(subscriber).logs(Math.min(Math.max(0, lines), 10_000)) }
    },
    'agent.restart'({ subscriber }, context) {
      only(context, /^control$/)
      agentOf(subscriber).restart()
      return null
    },
    async 'socket.open'(wanted, context) {
      const { receiver } = only(context, /^voice-\d+$/)
      if (!receiver) return absent('Sockets go only to processes that host has started.')
      const opened = await parts.realms.openMedia(wanted, receiver)
      return opened ? { id: opened.id, address: opened.address, port: opened.port } : absent('The realm has no such address.')
    },
    async 'socket.stream'(wanted, context) {
      const { receiver } = only(context, /^switch$/)
      if (!receiver) return absent('Sockets go only to processes that host has started.')
      if (!(await parts.realms.openStream(wanted, receiver))) return absent('The realm has no such address.')
      return null
    },
    status() {
      const sipTls = parts.sipTls()
      return { instance, processes: parts.processes(), snapshot: snapshot.number, ...(sipTls ? { sipTls } : {}) }
    },
  }
}

function absent(sentence: string): never {
  throw new TielineError(sentence, { code: 'not-found', fault: 'caller', retry: true, http: 404 })
}
