import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { type Log, TielineError } from '#lib/index.ts'

/** An error answer (RFC 9457). */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'urn:tieline:problem:<slug>; stable.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'One sentence for people.' }),
    details: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'Facts for machines.' })),
  },
  { $id: 'Problem', title: 'Problem' },
)

export function problem(code: string, http: number, sentence: string, details: Record<string, unknown> = {}): TielineError {
  return new TielineError(sentence, { code, fault: 'caller', retry: false, http }, details)
}

interface SchemaError extends Error {
  statusCode?: number
  code?: string
  validation?: { instancePath?: string; message?: string }[]
  validationContext?: string
}

/** Answers an error. A bug is logged whole and told to nobody. */
export function sendProblem(reply: FastifyReply, error: unknown, log: Log): FastifyReply {
  const known = domainError(error)
  const { code, http, retry } = known.verdict
  const about = { route: reply.request.routeOptions.url, requestId: reply.request.id }
  // What is away and comes back is known: a line for each request, and no stack.
  if (http === 503 && retry) log.warn({ ...about, code, why: known.message }, 'a request was told to come again')
  else if (http >= 500) log.error({ err: error, ...about }, 'a request has failed')
  if (http === 401) reply.header('www-authenticate', 'Bearer')
  if (http === 503 && retry) reply.header('retry-after', '2')
  return reply
    .code(http)
    .type('application/problem+json')
    .send({
      type: `urn:tieline:problem:${code}`,
      title: title(code),
      status: http,
      detail: short(known.message, 1000),
      details: Object.fromEntries(Object.entries(known.details).map(([name, fact]) => [name, short(fact, 500)])),
    })
}

/** What was asked is not said back at length. */
function short<T>(fact: T, longest: number): T | string {
  return typeof fact === 'string' && fact.length > longest ? `${fact.slice(0, longest).toWellFormed()}…` : fact
}

function domainError(error: unknown): TielineError {
  if (error instanceof TielineError) return error
  const { validation, validationContext, statusCode, message } = error as SchemaError
  if (validation) {
    const [first] = validation
    const field = `${validationContext ?? 'body'}${(first?.instancePath ?? '').replaceAll('/', '.')}`
    return problem('invalid-argument', 400, `${field} ${first?.message ?? 'is not as it should be'}.`, { field })
  }
  if (statusCode === 413) return problem('too-large', 413, 'The body is too large.')
  if (statusCode === 415) return problem('unsupported-media-type', 415, 'This media type is not understood here.')
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return problem('bad-request', statusCode, message)
  return new TielineError('Something went wrong here; it has been logged.', {
    code: 'internal',
    fault: 'system',
    retry: false,
    http: 500,
  })
}

function title(code: string): string {
  const words = code.replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
