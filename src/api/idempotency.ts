import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { App } from './app.ts'
import type { ApiDeps, RequestMark } from './deps.ts'
import { problem } from './problem.ts'

/**
 * A POST with an Idempotency-Key has one effect however often it is sent (PITFALLS B03). The first answer is said again,
 * also when the first asker never heard it. Failures of our own are forgotten, so that they can be tried again.
 */
export function rememberRequests(app: App, { requests, log }: ApiDeps): void {
  const marks = new WeakMap<FastifyRequest, RequestMark>()

  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key']
    if (request.method !== 'POST' || key === undefined || !request.principal) return
    if (typeof key !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(key))
      throw problem('invalid-argument', 400, 'An Idempotency-Key is 1 to 128 visible ASCII characters.')
    const mark = { scope: request.principal.key, key, fingerprint: fingerprint(request) }
    const beginning = await requests.begin(mark)
    switch (beginning.found) {
      case 'nothing':
        marks.set(request, mark)
        return
      case 'answer':
        reply.code(beginning.status).header('idempotency-replayed', 'true')
        reply.type(beginning.status < 400 ? 'application/json; charset=utf-8' : 'application/problem+json')
        return reply.send(beginning.body === '' ? undefined : beginning.body)
      case 'busy':
        throw problem('request-in-progress', 409, 'The same request is being worked on.')
      case 'other':
        throw problem('idempotency-key-reused', 422, 'The Idempotency-Key was used for another request.')
    }
  })

  app.addHook('onSend', async (request, reply, payload) => {
    const mark = marks.get(request)
    if (!mark) return payload
    marks.delete(request)
    const body = typeof payload === 'string' ? payload : ''
    const kept = reply.statusCode >= 500 ? requests.forget(mark) : requests.end(mark, reply.statusCode, body)
    await kept.catch((error) => log.warn({ err: error }, 'the answer to a request could not be kept'))
    return payload
  })
}

function fingerprint(request: FastifyRequest): string {
  const hash = createHash('sha256').update(`${request.method} ${request.url}\n`)
  const { body } = request
  return hash.update(Buffer.isBuffer(body) ? body : JSON.stringify(body ?? null)).digest('hex')
}
