import { Type } from 'typebox'
import { deploy, rollback } from '#journeys/install/index.ts'
import { isId } from '#lib/index.ts'
import { Nothing } from './answers.ts'
import { type App, scopeOf } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { problem } from './problem.ts'
import { AgentVersion, OfSubscriber } from './schema.ts'
import { versionView } from './view.ts'

const Status = Type.Object({
  subscriber: Type.String(),
  state: Type.String({ description: 'none, starting, ready, backing-off …' }),
  reason: Type.String(),
  version: Type.Union([Type.String(), Type.Null()]),
  pid: Type.Union([Type.Integer(), Type.Null()]),
  restarts: Type.Integer(),
})

export function agentRoutes(app: App, { install: deps, host }: ApiDeps): void {
  const { store } = deps
  app.get(
    '/v1/subscribers/:subscriber/agent',
    { schema: { summary: 'How the agent is', params: OfSubscriber, response: { 200: Status } } },
    async (request) => {
      const statuses = await host.call('agent.list', {})
      const status = statuses.find(({ subscriber }) => subscriber === request.subscriber.id)
      return (
        status ?? {
          subscriber: request.subscriber.id,
          state: 'none',
          reason: 'nothing is deployed',
          version: null,
          pid: null,
          restarts: 0,
        }
      )
    },
  )
  app.post(
    '/v1/subscribers/:subscriber/agent/versions',
    {
      schema: {
        summary: 'Deploy an agent: the body is a tar.gz',
        description: 'Content-Type: application/gzip. New calls go to it, old calls finish on the old version.',
        params: OfSubscriber,
        response: { 201: AgentVersion },
      },
    },
    async (request, reply) => {
      if (!Buffer.isBuffer(request.body))
        throw problem('unsupported-media-type', 415, 'The body is a tar.gz, with Content-Type application/gzip.')
      const version = await deploy(deps, scopeOf(request.principal), request.subscriber, request.body)
      return reply.code(201).send(versionView(version))
    },
  )
  app.get(
    '/v1/subscribers/:subscriber/agent/versions',
    {
      schema: {
        summary: 'Versions, newest first',
        params: OfSubscriber,
        response: { 200: Type.Object({ items: Type.Array(AgentVersion) }) },
      },
    },
    async (request) => {
      const versions = await store.listVersions(scopeOf(request.principal), request.subscriber.id)
      return { items: versions.map(versionView) }
    },
  )
  app.post(
    '/v1/subscribers/:subscriber/agent/rollback',
    {
      schema: {
        summary: 'Go back to a version, or to the one before',
        params: OfSubscriber,
        body: Type.Object({ version: Type.Optional(Type.String()) }, { additionalProperties: false }),
        response: { 200: AgentVersion },
      },
    },
    async (request) => {
      const { version } = request.body
      if (version !== undefined && !isId('agt', version)) throw problem('not-found', 404, 'There is no such agent version.')
      return versionView(await rollback(deps, scopeOf(request.principal), request.subscriber, version))
    },
  )
  app.get(
    '/v1/subscribers/:subscriber/agent/logs',
    {
      schema: {
        summary: 'The last lines of the log',
        params: OfSubscriber,
        querystring: Type.Object(
          { lines: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })) },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ lines: Type.Array(Type.String()) }) },
      },
    },
    (request) => host.call('agent.logs', { subscriber: request.subscriber.id, lines: request.query.lines ?? 100 }),
  )
  app.post(
    '/v1/subscribers/:subscriber/agent/restart',
    { schema: { summary: 'Kill the agent and start it again', params: OfSubscriber, response: { 204: Nothing } } },
    async (request, reply) => {
      const { id, agent } = request.subscriber
      if (agent.version === null)
        throw problem('nothing-deployed', 409, 'No agent is deployed, so that none can be started again.')
      await host.call('agent.restart', { subscriber: id })
      return reply.code(204).send()
    },
  )
}
