import { Type } from 'typebox'
import { deploy, rollback } from '#journeys/install/index.ts'
import { type Id, isId } from '#lib/index.ts'
import type { SubscriberRecord } from '#platform/subscriber/index.ts'
import type { AgentStatus, CandidateStatus } from '#platform/words/index.ts'
import { Nothing } from './answers.ts'
import { type App, scopeOf } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { problem } from './problem.ts'
import { AgentFailure, AgentVersion, OfSubscriber } from './schema.ts'
import { versionView } from './view.ts'

const Status = Type.Object({
  subscriber: Type.String(),
  state: Type.String({ description: 'none, starting, ready, backing-off …' }),
  reason: Type.String(),
  version: Type.Union([Type.String(), Type.Null()]),
  pid: Type.Union([Type.Integer(), Type.Null()]),
  restarts: Type.Integer(),
  candidate: Type.Optional(
    Type.Object(
      { version: Type.String(), state: Type.String({ description: 'tried or failed' }), ...AgentFailure.properties },
      { description: 'What was deployed beside it and does not take the new calls: not yet, or since it has failed.' },
    ),
  ),
})

function absent(subscriber: Id<'sub'>): AgentStatus {
  return { subscriber, state: 'none', reason: 'nothing is deployed', version: null, pid: null, restarts: 0 }
}

/** Which version is tried or has failed is what is stored, also where host has not begun with it, or has forgotten it. */
function candidateView({ candidate, failed }: SubscriberRecord['agent'], tried: CandidateStatus | undefined) {
  if (failed) return { candidate: { ...failed, state: 'failed' } }
  if (!candidate) return {}
  const { reason, log } = tried?.version === candidate.id ? tried : { reason: 'it has not been started yet', log: [] }
  return { candidate: { version: candidate.id, state: 'tried', reason, log } }
}

export function agentRoutes(app: App, { install: deps, host }: ApiDeps): void {
  const { store } = deps
  app.get(
    '/v1/subscribers/:subscriber/agent',
    { schema: { summary: 'How the agent is', params: OfSubscriber, response: { 200: Status } } },
    async (request) => {
      const statuses = await host.call('agent.list', {})
      const { id, agent } = request.subscriber
      const { candidate: tried, ...status } = statuses.find(({ subscriber }) => subscriber === id) ?? absent(id)
      return { ...status, ...candidateView(agent, tried) }
    },
  )
  app.post(
    '/v1/subscribers/:subscriber/agent/versions',
    {
      schema: {
        summary: 'Deploy an agent: the body is a tar.gz',
        description:
          'Content-Type: application/gzip. It is tried beside the version that serves: once it has loaded and its link to the switch is ready, new calls go to it and old ones finish on the old version. Where it ends twice or is not ready within 20 s, it has failed, and the old version serves on. The first one serves at once.',
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
        description:
          'Without a version: what is tried or has failed is taken back, else the one before that has not failed. A version has to prove itself as when it was deployed.',
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
