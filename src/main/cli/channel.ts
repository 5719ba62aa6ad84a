import type { Command } from 'commander'
import type { ChannelStatus, TunnelEnds } from '#platform/words/index.ts'
import type { Client } from './client.ts'
import type { Context } from './context.ts'
import { part, whole } from './parse.ts'
import { secondsOf, type WaitOption, waitFor } from './wait.ts'

function channelOf(client: Client, subscriber: string): Promise<ChannelStatus> {
  return client.get<ChannelStatus>(`/v1/subscribers/${part(subscriber)}/channel`)
}

/** Waits for a tunnel; who waits in vain is told why it is not up. */
export function untilUp(client: Client, subscriber: string, seconds: number): Promise<ChannelStatus> {
  return waitFor(seconds, {
    what: 'the tunnel to come up',
    ask: () => channelOf(client, subscriber),
    holds: ({ state }) => state === 'up',
    why: ({ state, reason }) => `it is ${state}, ${reason}`,
  })
}

/** Of a subscriber, what its networks are about. */
interface Networked {
  site: { networks: string[] }
  channel: { ipv6: TunnelEnds | null }
}

export function channelCommands(program: Command, context: (command: Command) => Context): void {
  const noun = program.command('channel').description('private data channels')
  noun
    .command('list')
    .description('all channels and their states')
    .action(async (_options, command: Command) => {
      const { client, out } = context(command)
      const names = new Map((await client.all<{ id: string; name: string }>('/v1/subscribers')).map(({ id, name }) => [id, name]))
      const { items } = await client.get<{ items: ChannelStatus[] }>('/v1/channels')
      out.table(
        items,
        [
          ['SUBSCRIBER', (c) => names.get(c.subscriber) ?? c.subscriber],
          ['STATE', (c) => c.state],
          ['HANDSHAKE', (c) => (c.handshakeAgeSeconds === null ? 'never' : `${Math.round(c.handshakeAgeSeconds)} s ago`)],
          ['RECEIVED', (c) => c.receivedBytes],
          ['SENT', (c) => c.sentBytes],
          ['REASON', (c) => c.reason],
        ],
        'There are no channels.',
      )
    })
  noun
    .command('show <subscriber>')
    .description('one channel')
    .option('--wait [seconds]', 'until it is up', whole('--wait'))
    .action(async (name: string, options: WaitOption, command: Command) => {
      const { client, out } = context(command)
      const seconds = secondsOf(options, 60)
      const status = seconds === 0 ? await channelOf(client, name) : await untilUp(client, name, seconds)
      out.facts(status, [
        ['state', status.state],
        ['reason', status.reason],
        ['handshake', status.handshakeAgeSeconds === null ? 'never' : `${Math.round(status.handshakeAgeSeconds)} s ago`],
        ['received', `${status.receivedBytes} bytes`],
        ['sent', `${status.sentBytes} bytes`],
        ['mtu', status.mtu],
      ])
    })
  noun
    .command('networks <subscriber> [networks...]')
    .description('which networks its site has; with some, such as 192.168.1.0/24, these are all of them from now on')
    .action(async (name: string, networks: string[], _options, command: Command) => {
      const { client, out } = context(command)
      const path = `/v1/subscribers/${part(name)}`
      const before = await client.get<Networked>(path)
      const after = networks.length === 0 ? before : await client.patch<Networked>(path, { siteNetworks: networks })
      out.done(after, `The site of ${name} has ${after.site.networks.join(', ')}.`)
      const { ipv6 } = after.channel
      if (out.json || !ipv6 || before.channel.ipv6) return
      const lacks = `${ipv6.peerAddress}/128 in Address, ${ipv6.address}/128 in AllowedIPs and net.ipv6.conf.all.forwarding=1`
      out.line(`It has IPv6 now, for which its file needs ${lacks}; tieline channel check ${name} says whether it has them.`)
    })
  noun
    .command('check <subscriber>')
    .description('find out what is wrong: exit code 1 when something is')
    .action(async (name: string, _options, command: Command) => {
      const { client, out } = context(command)
      const check = await client.post<{ ok: boolean; steps: { step: string; ok: boolean; text: string }[] }>(
        `/v1/subscribers/${part(name)}/channel/check`,
      )
      if (!check.ok) out.fails()
      if (out.json) return out.value(check)
      for (const { step, ok, text } of check.steps) out.line(`${out.mark(ok).padEnd(5)}  ${step.padEnd(10)}  ${text}`)
    })
}
