import type { Id, Log } from '#lib/index.ts'
import {
  type ChannelState,
  type HostMethods,
  type HostNotifications,
  type IpFamily,
  LONGEST_LINE,
  type Realm,
} from '#platform/words/index.ts'
import { connectLink } from '#protocol/link/index.ts'

export interface HostClient {
  /** Asks for a TCP socket in a realm. Rejects when host says no, or cannot be asked. */
  openStream(realm: Realm, id: string, family?: IpFamily): Promise<void>
  close(): void
}

/** Keeps what host says of the channels. While host cannot be asked, nothing is known, and a channel is simply tried. */
export function followHost(options: { path: string; log: Log; channels: Map<Id<'sub'>, ChannelState> }): HostClient {
  const { path, log, channels } = options
  const client = connectLink<{ calls: HostMethods; hears: HostNotifications }>({
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
    },
    onLost: () => channels.clear(),
    onNotification: {
      'channel.state': ({ subscriber, state }) => {
        if (state === 'removed') channels.delete(subscriber)
        else channels.set(subscriber, state)
      },
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
