import { Type } from 'typebox'
import { rotateApiKey, rotateCertificate, rotatePresharedKey } from '#journeys/install/index.ts'
import type { Id } from '#lib/index.ts'
import { type App, scopeOf } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { problem } from './problem.ts'
import { OfSubscriber } from './schema.ts'

const Rotation = Type.Object(
  {
    secret: Type.Union([Type.Literal('api-key'), Type.Literal('preshared-key'), Type.Literal('agent-certificate')]),
    overlapSeconds: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 30 * 86_400, description: 'How long the old one still counts; 0 revokes it at once.' }),
    ),
  },
  { additionalProperties: false },
)

/** Of a certificate its serial number and end; of the others what is told this once, and until when the old one counts. */
const Rotated = Type.Object({
  id: Type.Optional(Type.String({ description: 'Of an API key.' })),
  secret: Type.Optional(Type.String({ description: 'Told this once.' })),
  peer: Type.Optional(Type.String({ description: "Of a preshared key: the platform's public key, by which the site sets it." })),
  oldCountsUntil: Type.Optional(Type.String({ format: 'date-time' })),
  serial: Type.Optional(Type.String()),
  notAfter: Type.Optional(Type.String({ format: 'date-time' })),
})

const Key = Type.Object({
  id: Type.String(),
  createdAt: Type.String(),
  expiresAt: Type.Union([Type.String(), Type.Null()]),
  revokedAt: Type.Union([Type.String(), Type.Null()]),
})

/** Keys and certificates of a subscriber. Each is told once. */
export function secretRoutes(app: App, { install: deps }: ApiDeps): void {
  const { store } = deps
  app.post(
    '/v1/subscribers/:subscriber/rotate',
    { schema: { summary: 'Replace a secret', params: OfSubscriber, body: Rotation, response: { 200: Rotated } } },
    async (request) => {
      const { secret, overlapSeconds = 3600 } = request.body
      const { subscriber, principal } = request
      if (secret === 'api-key') return rotateApiKey(deps, scopeOf(principal), subscriber, overlapSeconds)
      if (secret === 'preshared-key') return rotatePresharedKey(deps, subscriber, overlapSeconds)
      return rotateCertificate(deps, subscriber)
    },
  )
  app.get(
    '/v1/subscribers/:subscriber/keys',
    { schema: { summary: 'List API keys', params: OfSubscriber, response: { 200: Type.Object({ items: Type.Array(Key) }) } } },
    async (request) => ({ items: await store.listKeys(scopeOf(request.principal), request.subscriber.id) }),
  )
  app.delete(
    '/v1/subscribers/:subscriber/keys/:key',
    { schema: { summary: 'Revoke an API key at once', params: Type.Object({ subscriber: Type.String(), key: Type.String() }) } },
    async (request, reply) => {
      const { key } = request.params
      if (!/^key_[0-9a-f]{32}$/.test(key)) throw problem('not-found', 404, 'There is no such API key.')
      await store.revokeKey(scopeOf(request.principal), request.subscriber.id, key as Id<'key'>)
      return reply.code(204).send()
    },
  )
}
