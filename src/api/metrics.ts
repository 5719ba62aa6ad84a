import type { Observation } from '#platform/alarm/index.ts'
import type { AgentStatus, Alarm, ChannelStatus, Metric, ProcessStatus } from '#platform/words/index.ts'
import { sentAs } from './answers.ts'
import { type App, operatorOnly } from './app.ts'
import type { ApiDeps } from './deps.ts'

/** The figures of all processes for Prometheus. What cannot be asked says so by `tieline_up`, and is left out. */
export function metricRoutes(app: App, { host, switch: callSwitch, health, install, watch }: ApiDeps): void {
  app.get(
    '/v1/metrics',
    {
      config: operatorOnly,
      schema: { summary: 'Figures for Prometheus', response: { 200: sentAs('text/plain', 'The text format, version 0.0.4.') } },
    },
    async (_request, reply) => {
      const within = { timeoutMs: 2000 }
      const [ofSwitch, channels, agents, node, seen] = await Promise.all([
        callSwitch.call('metrics', {}, within).catch(() => []),
        host.call('channel.list', {}, within).catch(() => []),
        host.call('agent.list', {}, within).catch(() => []),
        host.call('status', {}, within).catch(() => null),
        watch.look(),
      ])
      const names = new Map(
        (await install.store.list({ limit: 1000 }).catch(() => ({ items: [] }))).items.map(({ id, name }) => [id, name]),
      )
      const nameOf = (id: ChannelStatus['subscriber']) => names.get(id) ?? id
      const { publication: _, ...up } = health()
      const metrics = [
        upMetric(up),
        ...processMetrics(node?.processes ?? []),
        ...ofSwitch,
        ...channelMetrics(channels, nameOf),
        ...agentMetrics(agents, nameOf),
        ...watchMetrics(seen, watch.board.active),
      ]
      return reply.type('text/plain; version=0.0.4; charset=utf-8').send(exposition(metrics))
    },
  )
}

/** What was seen of trunks, certificates and the disk, and the alarms that hold. */
function watchMetrics({ trunks, certificates, disk, wall, nameOf }: Observation, alarms: Alarm[]): Metric[] {
  const gauge = (name: string, help: string, samples: Metric['samples']): Metric => ({ name, help, type: 'gauge', samples })
  const gateways = (trunks ?? []).flatMap(({ trunk, gateways: all }) =>
    all.map(({ address, port, state }) => ({
      labels: { trunk: nameOf(trunk), gateway: `${address}:${port}` },
      value: state === 'up' ? 1 : 0,
    })),
  )
  const registrations = (trunks ?? []).flatMap(({ trunk, registration }) =>
    registration ? [{ labels: { trunk: nameOf(trunk) }, value: registration.state === 'registered' ? 1 : 0 }] : [],
  )
  const left = (certificates ?? []).map(({ about, expiresAt }) => ({
    labels: { of: about },
    value: Math.round((expiresAt - wall) / 1000),
  }))
  const held = alarms.map(({ code, about, severity }) => ({ labels: { code, about, severity }, value: 1 }))
  return [
    gauge('tieline_gateway_up', 'Whether the gateway of a trunk answers', gateways),
    gauge('tieline_trunk_registered', 'Whether the trunk is registered, where it registers', registrations),
    gauge('tieline_certificate_left_seconds', 'Until a certificate is no longer good', left),
    gauge('tieline_disk_free_bytes', 'Room on the disk of the state directory', disk ? [{ value: disk.freeBytes }] : []),
    gauge('tieline_alarm', 'Alarms that hold', held),
  ]
}

function upMetric(up: Record<string, boolean>): Metric {
  const samples = Object.entries(up).map(([part, is]) => ({ labels: { part }, value: is ? 1 : 0 }))
  return { name: 'tieline_up', help: 'Whether control reaches it', type: 'gauge', samples }
}

type NameOf = (id: ChannelStatus['subscriber']) => string

function channelMetrics(channels: ChannelStatus[], nameOf: NameOf): Metric[] {
  const of = (name: string, help: string, type: Metric['type'], value: (channel: ChannelStatus) => number | null): Metric => ({
    ...{ name, help, type },
    samples: channels.flatMap((channel) => {
      const figure = value(channel)
      return figure === null ? [] : [{ labels: { subscriber: nameOf(channel.subscriber) }, value: figure }]
    }),
  })
  return [
    of('tieline_channel_up', 'Whether the channel is up', 'gauge', ({ state }) => (state === 'up' ? 1 : 0)),
    of('tieline_channel_handshake_age_seconds', 'Since the last WireGuard handshake', 'gauge', (c) => c.handshakeAgeSeconds),
    of('tieline_channel_received_bytes_total', 'Through the tunnel', 'counter', (c) => c.receivedBytes),
    of('tieline_channel_sent_bytes_total', 'Through the tunnel', 'counter', (c) => c.sentBytes),
  ]
}

function agentMetrics(agents: AgentStatus[], nameOf: NameOf): Metric[] {
  const of = (name: string, help: string, type: Metric['type'], value: (agent: AgentStatus) => number): Metric => ({
    ...{ name, help, type },
    samples: agents.map((agent) => ({ labels: { subscriber: nameOf(agent.subscriber) }, value: value(agent) })),
  })
  return [
    of('tieline_agent_ready', 'Whether the agent is ready', 'gauge', ({ state }) => (state === 'ready' ? 1 : 0)),
    of('tieline_agent_restarts_total', 'Starts of the agent after its first', 'counter', ({ restarts }) => restarts),
  ]
}

function processMetrics(processes: ProcessStatus[]): Metric[] {
  const of = (name: string, help: string, type: Metric['type'], value: (status: ProcessStatus) => number): Metric => ({
    ...{ name, help, type },
    samples: processes.map((status) => ({ labels: { process: status.name }, value: value(status) })),
  })
  return [
    of('tieline_process_up', 'Whether the process runs', 'gauge', ({ pid }) => (pid === null ? 0 : 1)),
    of('tieline_process_restarts_total', 'Starts of the process after its first', 'counter', ({ restarts }) => restarts),
  ]
}

/** The text format of Prometheus, version 0.0.4. */
export function exposition(metrics: readonly Metric[]): string {
  const lines: string[] = []
  for (const { name, help, type, samples } of metrics) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
    for (const { labels = {}, value } of samples) {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
      lines.push(`${name}${pairs.length ? `{${pairs.join(',')}}` : ''} ${value}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
