import { hashApiKey } from '#platform/subscriber/index.ts'
import { type App, scopeOf } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { problem } from './problem.ts'

/**
 * Who may do what, decided before anything else of a request is looked at. First the key; then the subscriber of the
 * path, in the key's own scope, so that another's id is 404 like an unknown one (PITFALLS T02); then the role.
 */
export function guard(app: App, { install: { store } }: ApiDeps): void {
  app.decorateRequest('principal')
  app.decorateRequest('subscriber')
  app.addHook('onRequest', async (request) => {
    const { access } = request.routeOptions.config
    if (access === 'open' || request.is404) return
    const key = /^Bearer ([\x21-\x7e]{8,200})$/i.exec(request.headers.authorization ?? '')?.[1]
    const principal = key ? await store.principal(hashApiKey(key)) : null
    if (!principal) throw problem('unauthenticated', 401, 'A valid API key is needed: Authorization: Bearer <key>.')
    request.principal = principal
  })
  app.addHook('preValidation', async (request) => {
    const { access } = request.routeOptions.config
    if (access === 'open' || request.is404) return
    const { subscriber } = request.params as { subscriber?: string }
    if (subscriber !== undefined) request.subscriber = await store.find(scopeOf(request.principal), subscriber)
    if (access === 'operator' && request.principal.role !== 'operator')
      throw problem('forbidden', 403, 'Only the operator of the platform may do this.')
  })
}
