import type { Id, Log } from '#lib/index.ts'
import type { AgentMemory } from '#platform/resource/index.ts'
import {
  type ChannelState,
  type HostMethods,
  type HostNotifications,
  type IpFamily,
  LONGEST_LINE,
  type MemoryMethods,
  type Realm,
} from '#platform/words/index.ts'
import { connectLink } from '#protocol/link/index.ts'

export interface HostClient {
  /** Asks for a TCP socket in a realm. Rejects when host says no, or cannot be asked. */
  openStream(realm: Realm, id: string, family?: IpFamily): Promise<void>
  close(): void
}

export interface FollowOptions {
  path: string
  log: Log
  channels: Map<Id<'sub'>, ChannelState>
  memory: AgentMemory
}

/**
 * Keeps what host says of the channels, and leases the memory of its sandboxes. While host cannot be asked, nothing is known, and a
 * channel is simply tried.
 */
export function followHost({ path, log, channels, memory }: FollowOptions): HostClient {
  const client = connectLink<{ answers: MemoryMethods; calls: HostMethods; hears: HostNotifications }>({
    path,
    hello: { process: 'switch', version: 1 },
    maxLineBytes: LONGEST_LINE,
    log,
    onConnected(link) {
      link.call('channel.list', {}, { timeoutMs: 5000 }).then(
        (list) => {
          for (const { subscriber, state } of list) channels.set(subscriber, state)
        },
        (error: unknown) => log.warn({ err: error }, 'host did not say how the channels are'),
      )
      memory.asking()
      link.call('memory.list', {}, { timeoutMs: 5000 }).then(
        (there) => memory.settle(there),
        (error: unknown) => log.warn({ err: error }, 'host did not say which sandboxes there are'),
      )
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
