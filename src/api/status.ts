import { Type } from 'typebox'
import { Alarm } from './alarms.ts'
import { type App, operatorOnly } from './app.ts'
import type { ApiDeps } from './deps.ts'

const Drained = Type.Object({ draining: Type.Boolean(), calls: Type.Integer() })
const Health = Type.Object({
  ready: Type.Boolean(),
  draining: Type.Boolean(),
  ...{ database: Type.Boolean(), host: Type.Boolean(), switch: Type.Boolean() },
})
const Process = Type.Object({
  name: Type.String(),
  pid: Type.Union([Type.Integer(), Type.Null()]),
  uid: Type.Integer(),
  restarts: Type.Integer(),
  startedAt: Type.String({ format: 'date-time' }),
})
const Part = Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()], { description: 'null: it cannot be reached.' })
const Status = Type.Object({
  database: Type.Boolean(),
  host: Type.Boolean(),
  switch: Part,
  publication: Type.Integer({ description: 'The number of the newest snapshot; 0 before the first.' }),
  node: Part,
  processes: Type.Array(Process),
  alarms: Type.Array(Alarm),
})

export function statusRoutes(app: App, { host, switch: callSwitch, health, watch }: ApiDeps): void {
  const switchStatus = () => callSwitch.call('status', {}, { timeoutMs: 2000 }).catch(() => null)
  for (const [verb, on, summary] of [
    ['drain', true, 'Take no new calls; those that are up go on, and emergency calls are taken'],
    ['resume', false, 'Take new calls again'],
  ] as const)
    app.post(`/v1/node/${verb}`, { config: operatorOnly, schema: { summary, response: { 200: Drained } } }, () =>
      callSwitch.call('drain', { on }),
    )
  app.get(
    '/v1/health',
    {
      config: { access: 'open' },
      schema: { summary: 'Whether the platform is ready', security: [], response: { 200: Health, 503: Health } },
    },
    async (_request, reply) => {
      const { database, host, switch: callSwitch, publication } = health()
      const state = callSwitch ? await switchStatus() : null
      const draining = state?.draining ?? false
      const ready = database && host && state !== null && !draining && publication > 0
      return reply.code(ready ? 200 : 503).send({ ready, draining, database, host, switch: callSwitch })
    },
  )
  app.get(
    '/v1/status',
    { config: operatorOnly, schema: { summary: 'What runs, and how it is', response: { 200: Status } } },
    async () => {
      const { publication, ...up } = health()
      const [node, calls] = await Promise.all([
        host.call('status', {}, { timeoutMs: 2000 }).catch(() => null),
        switchStatus(),
        watch.look().catch(() => null),
      ])
      const alarms = watch.board.active
      return { ...up, publication, node, switch: calls ?? null, processes: node?.processes ?? [], alarms }
    },
  )
}
