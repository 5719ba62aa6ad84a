import { type App, operatorOnly } from './app.ts'
import type { ApiDeps } from './deps.ts'

export function statusRoutes(app: App, { host, switch: callSwitch, health }: ApiDeps): void {
  app.get(
    '/v1/health',
    { config: { access: 'open' }, schema: { summary: 'Whether the platform is ready', security: [] } },
    async (_request, reply) => {
      const { database, host, switch: callSwitch, publication } = health()
      const ready = database && host && callSwitch && publication > 0
      return reply.code(ready ? 200 : 503).send({ ready, database, host, switch: callSwitch })
    },
  )
  app.get('/v1/status', { config: operatorOnly, schema: { summary: 'What runs, and how it is' } }, async () => {
    const { publication, ...up } = health()
    const [node, calls] = await Promise.all([
      host.call('status', {}, { timeoutMs: 2000 }).catch(() => null),
      callSwitch.call('status', {}, { timeoutMs: 2000 }).catch(() => null),
    ])
    return { ...up, publication, node, switch: calls ?? null, processes: node?.processes ?? [] }
  })
}
