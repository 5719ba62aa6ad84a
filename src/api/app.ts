import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, FastifyTypeProvider, RawServerDefault } from 'fastify'
import type { Static, TSchema } from 'typebox'
import type { Id } from '#lib/index.ts'
import type { Principal, Scope, SubscriberRecord } from '#platform/subscriber/index.ts'

/** Types of parameters, queries and bodies come from the schemas that also check and document them. */
interface SchemaTypes extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown
  serializer: unknown
}

export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, SchemaTypes>

/** What adds routes to the API. A route below `/v1/subscribers/:subscriber` finds `request.subscriber` resolved. */
export type Routes = (app: App) => void

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks. Only open routes have none. */
    principal: Principal
    /** The subscriber of the path, already found in the scope of who asks. */
    subscriber: SubscriberRecord
  }
  interface FastifyContextConfig {
    /** `open` needs no key, `operator` the operator's; without it any key will do. */
    access?: 'open' | 'operator'
  }
}

/** The scope in which a principal reads and writes. */
export function scopeOf(principal: Principal): Scope {
  return principal.role === 'operator' ? 'platform' : principal.subscriber
}

/** Whose things a principal may be told by name. */
export function readerOf(principal: Principal): 'operator' | Id<'sub'> {
  return principal.role === 'operator' ? 'operator' : principal.subscriber
}

/** Puts a route under the operator's key. */
export const operatorOnly = { access: 'operator' } as const
