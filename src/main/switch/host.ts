import type { Id, Log } from '#lib/index.ts'
import type { ChannelState, HostMethods, HostNotifications } from '#platform/words/index.ts'
import { connectLink } from '#protocol/link/index.ts'

/** Keeps what host says of the channels. While host cannot be asked, nothing is known, and a channel is simply tried. */
export function followHost(options: { path: string; log: Log; channels: Map<Id<'sub'>, ChannelState> }): { close(): void } {
  const { path, log, channels } = options
  return connectLink<{ calls: HostMethods; hears: HostNotifications }>({
    path,
    hello: { process: 'switch', version: 1 },
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
}
