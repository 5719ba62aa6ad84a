import { type Clock, type Id, type Log, TielineError } from '#lib/index.ts'
import type { AgentMemory } from '#platform/resource/index.ts'
import {
  type AgentSaid,
  type ChannelState,
  type HostMethods,
  type HostNotifications,
  type IpFamily,
  LONGEST_LINE,
  type MemoryMethods,
  type Realm,
} from '#platform/words/index.ts'
import { connectLink, type Link } from '#protocol/link/index.ts'

export interface HostClient {
  /** Asks for a TCP socket in a realm. Rejects when host says no, or cannot be asked. */
  openStream(realm: Realm, id: string, family?: IpFamily): Promise<void>
  close(): void
}

export interface FollowOptions {
  path: string
  log: Log
  clock: Clock
  channels: Map<Id<'sub'>, ChannelState>
  memory: AgentMemory
  onSaid(said: AgentSaid): void
}

type Types = { answers: MemoryMethods; calls: HostMethods; hears: HostNotifications }

/**
 * Keeps what host says of the channels, and leases the memory of its sandboxes. While host cannot be asked, nothing is known, and a
 * channel is simply tried.
 */
export function followHost({ path, log, clock, channels, memory, onSaid }: FollowOptions): HostClient {
  const client = connectLink<Types>({
    path,
    hello: { process: 'switch', version: 1 },
    maxLineBytes: LONGEST_LINE,
    log,
    clock,
    onConnected(link) {
      link.call('channel.list', {}, { timeoutMs: 5000 }).then(
        (list) => {
          for (const { subscriber, state } of list) channels.set(subscriber, state)
        },
        (error: unknown) => log.warn({ err: error }, 'host did not say how the channels are'),
      )
      void askForSandboxes(link, memory, log)
    },
    methods: {
      async 'memory.take'(wanted) {
        await memory.take(wanted)
        return null
      },
    },
    onLost: () => channels.clear(),
    onNotification: {
      'channel.state': ({ subscriber, state }) => {
        if (state === 'removed') channels.delete(subscriber)
        else channels.set(subscriber, state)
      },
      'agent.said': (said) => onSaid(said),
      'memory.free': ({ sandbox, reason }) => memory.free(sandbox, reason),
    },
  })
  return {
    async openStream(realm, id, family) {
      // A switch that has just begun may be asked for one before host can be.
      const link = await client.ready(2000)
      await link.call('socket.stream', { realm, id, ...(family ? { family } : {}) }, { timeoutMs: 2000 })
    },
    close: () => client.close(),
  }
}

/** Until host has said, nothing that a former switch has left is given back: one that does not answer is asked again. */
async function askForSandboxes(link: Link<Types>, memory: AgentMemory, log: Log): Promise<void> {
  for (let late = true; late && link.isOpen; ) {
    memory.asking()
    late = await link.call('memory.list', {}, { timeoutMs: 5000 }).then(
      (there) => {
        memory.settle(there)
        return false
      },
      (error: unknown) => {
        log.warn({ err: error }, 'host did not say which sandboxes there are')
        return error instanceof TielineError && error.verdict.code === 'timeout'
      },
    )
  }
}
