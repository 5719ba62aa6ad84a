import { type App, operatorOnly } from './app.ts'
import type { ApiDeps } from './deps.ts'

export function statusRoutes(app: App, { host, switch: callSwitch, health, watch }: ApiDeps): void {
  const switchStatus = () => callSwitch.call('status', {}, { timeoutMs: 2000 }).catch(() => null)
  for (const [verb, on, summary] of [
    ['drain', true, 'Take no new calls; those that are up go on, and emergency calls are taken'],
    ['resume', false, 'Take new calls again'],
  ] as const)
    app.post(`/v1/node/${verb}`, { config: operatorOnly, schema: { summary } }, () => callSwitch.call('drain', { on }))
  app.get(
    '/v1/health',
    { config: { access: 'open' }, schema: { summary: 'Whether the platform is ready', security: [] } },
    async (_request, reply) => {
      const { database, host, switch: callSwitch, publication } = health()
      const state = callSwitch ? await switchStatus() : null
      const draining = state?.draining ?? false
      const ready = database && host && state !== null && !draining && publication > 0
      return reply.code(ready ? 200 : 503).send({ ready, draining, database, host, switch: callSwitch })
    },
  )
  app.get('/v1/status', { config: operatorOnly, schema: { summary: 'What runs, and how it is' } }, async () => {
    const { publication, ...up } = health()
    const [node, calls] = await Promise.all([
      host.call('status', {}, { timeoutMs: 2000 }).catch(() => null),
      switchStatus(),
      watch.look().catch(() => null),
    ])
    const alarms = watch.board.active
    return { ...up, publication, node, switch: calls ?? null, processes: node?.processes ?? [], alarms }
  })
}
