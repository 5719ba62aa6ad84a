import { X509Certificate } from 'node:crypto'
import { Type } from 'typebox'
import { addTelephone, removeTelephone } from '#journeys/install/index.ts'
import { type App, operatorOnly, scopeOf } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { problem } from './problem.ts'
import { Nullable, OfSubscriber } from './schema.ts'

const Telephone = Type.Object({
  name: Type.String(),
  contacts: Type.Array(
    Type.Object({ uri: Type.String(), source: Type.String(), expiresAt: Type.String({ format: 'date-time' }) }),
    { description: 'Where it has registered; empty when it is nowhere.' },
  ),
})

const TelephoneCa = Type.Object({
  certificate: Type.String({ description: "The subscriber's own CA, PEM: what a telephone has to trust." }),
  sha256: Type.String({ description: 'Its fingerprint.' }),
  notAfter: Type.String({ format: 'date-time' }),
  telephoneTls: Type.String({ description: 'allowed or required' }),
  address: Type.String({ description: 'Where telephones connect to.' }),
  ipv6Address: Nullable(Type.String({ description: 'The same by IPv6, of a site that has it.' })),
  port: Type.Integer(),
})

/** The telephones and computers of a site that register, and their passwords, each told once. */
export function telephoneRoutes(app: App, { install: deps, switch: calls }: ApiDeps): void {
  app.get(
    '/v1/subscribers/:subscriber/telephones',
    {
      schema: {
        summary: 'Telephones of the site, and where they are registered',
        params: OfSubscriber,
        response: { 200: Type.Object({ items: Type.Array(Telephone) }) },
      },
    },
    async ({ subscriber }) => {
      const registered = await calls.call('telephone.list', { subscriber: subscriber.id }, { timeoutMs: 2000 })
      const contactsOf = new Map(registered.map(({ name, contacts }) => [name, contacts]))
      return { items: subscriber.telephones.map(({ name }) => ({ name, contacts: contactsOf.get(name) ?? [] })) }
    },
  )
  app.get(
    '/v1/subscribers/:subscriber/telephone-ca',
    {
      schema: {
        summary: 'By what telephones know the switch when they connect by TLS',
        params: OfSubscriber,
        response: { 200: TelephoneCa },
      },
    },
    ({ subscriber: { site, channel } }) => {
      if (!site.tls)
        throw problem('not-found', 404, 'The subscriber has no certificate for TLS yet: it is made when control starts.')
      const { ca, telephones } = site.tls
      const { fingerprint256, validToDate } = new X509Certificate(ca)
      return {
        ...{ certificate: ca, sha256: fingerprint256, notAfter: validToDate.toISOString(), telephoneTls: telephones },
        ...{ address: channel.address, ipv6Address: channel.ipv6?.address ?? null, port: deps.config.siteSipPort + 1 },
      }
    },
  )
  app.post(
    '/v1/subscribers/:subscriber/telephones',
    {
      config: operatorOnly,
      schema: {
        summary: 'Give a telephone its SIP credentials',
        params: OfSubscriber,
        body: Type.Object({ name: Type.String({ pattern: '^[A-Za-z0-9_.+*#-]{1,64}$' }) }, { additionalProperties: false }),
        response: { 201: Type.Object({ name: Type.String(), password: Type.String({ description: 'Told this once.' }) }) },
      },
    },
    async (request, reply) => {
      const telephone = await addTelephone(deps, scopeOf(request.principal), request.subscriber, request.body.name)
      return reply.code(201).send(telephone)
    },
  )
  app.delete(
    '/v1/subscribers/:subscriber/telephones/:name',
    {
      config: operatorOnly,
      schema: {
        summary: 'Revoke the credentials of a telephone',
        params: Type.Object({ subscriber: Type.String(), name: Type.String() }),
      },
    },
    async (request, reply) => {
      await removeTelephone(deps, scopeOf(request.principal), request.subscriber, request.params.name)
      return reply.code(204).send()
    },
  )
}
