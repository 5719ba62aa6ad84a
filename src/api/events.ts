import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { isId } from '#lib/index.ts'
import { type EventQuery, visibleEvent } from '#platform/cti/index.ts'
import { sentAs } from './answers.ts'
import { type App, readerOf, scopeOf } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { problem } from './problem.ts'
import { Event, Paged } from './schema.ts'

const Filter = {
  subscriber: Type.Optional(Type.String()),
  call: Type.Optional(Type.String()),
  after: Type.Optional(Type.String()),
}
const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 }))

/** Ms between two beats: a reader that hears nothing for twice as long knows that nobody is there (PITFALLS C03). */
const HEARTBEAT_MS = 5000
const BATCH = 200

export function eventRoutes(app: App, deps: ApiDeps): void {
  app.get(
    '/v1/events',
    {
      schema: {
        summary: 'Events in order',
        description: "Of one subscriber, after its event's number; for the operator of all, after the stream's own cursor.",
        querystring: Type.Object({ ...Filter, limit }, { additionalProperties: false }),
        response: { 200: Paged(Event) },
      },
    },
    async (request) => {
      const { limit = 100, ...filter } = request.query
      const page = await deps.events.listEvents(scopeOf(request.principal), { ...(await queryOf(deps, request, filter)), limit })
      const items = page.items.map((event) => visibleEvent(event, readerOf(request.principal)))
      return page.next === undefined ? { items } : { items, next: page.next }
    },
  )
  app.get(
    '/v1/events/stream',
    {
      schema: {
        summary: 'Events as they come (text/event-stream)',
        description:
          'The same JSON as in the list. Without `after` or Last-Event-ID it starts now. There is a comment every 5 s: whoever hears nothing for 10 s opens it again.',
        querystring: Type.Object(Filter, { additionalProperties: false }),
        response: { 200: sentAs('text/event-stream', 'Each event as `data`, its cursor as `id`.') },
      },
    },
    async (request, reply) => {
      const query = await queryOf(deps, request, request.query)
      const scope = scopeOf(request.principal)
      const lastSeen = request.headers['last-event-id']
      const after =
        query.after ?? (typeof lastSeen === 'string' ? lastSeen : await deps.events.newestEvent(scope, query.subscriber))
      // Found out before the first byte: a bad cursor is an error answer, not a broken stream.
      await deps.events.listEvents(scope, { ...query, after, limit: 1 })
      await stream(deps, request, reply, { ...query, after })
    },
  )
}

async function queryOf(
  deps: ApiDeps,
  { principal }: FastifyRequest,
  filter: { subscriber?: string; call?: string; after?: string },
): Promise<Omit<EventQuery, 'limit'>> {
  const scope = scopeOf(principal)
  const own = principal.role === 'subscriber' ? principal.subscriber : undefined
  const subscriber = filter.subscriber === undefined ? own : (await deps.install.store.find(scope, filter.subscriber)).id
  if (filter.call !== undefined && !isId('call', filter.call)) throw problem('not-found', 404, 'There is no such call.')
  return { subscriber, call: filter.call, after: filter.after }
}

/** Writes events until the reader is gone. A reader that is slow is waited for; nothing piles up here. */
async function stream(
  deps: ApiDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  query: Omit<EventQuery, 'limit'>,
): Promise<void> {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
  // Where it begins: whoever loses it before the first event goes on from there.
  raw.write(`: events follow\n${query.after === undefined ? '' : `id: ${query.after}\n`}\n`)
  const scope = scopeOf(request.principal)
  const reader = readerOf(request.principal)
  let after = query.after
  const drain = async () => {
    for (;;) {
      const page = await deps.events.listEvents(scope, { ...query, after, limit: BATCH })
      for (const [i, event] of page.items.entries()) {
        after = page.cursors[i]
        const line = JSON.stringify(visibleEvent(event, reader))
        if (!raw.write(`id: ${after}\nevent: ${event.type}\ndata: ${line}\n\n`)) await drained(raw)
        if (raw.destroyed) return
      }
      if (page.next === undefined) return
    }
  }
  await untilGone(deps, raw, drain)
}

async function untilGone(deps: ApiDeps, raw: FastifyReply['raw'], drain: () => Promise<void>): Promise<void> {
  let wake = () => {}
  let woken = true
  const unsubscribe = deps.feed.subscribe(() => {
    woken = true
    wake()
  })
  raw.on('close', () => wake())
  try {
    while (!raw.destroyed) {
      if (woken) {
        woken = false
        // The database being away is no reason to lose the reader: the next waking goes on from the same place.
        await drain().catch((error) => deps.log.warn({ err: error }, 'a stream of events waits'))
        continue
      }
      const timer = deps.clock.after(HEARTBEAT_MS, () => {
        raw.write(': beat\n\n')
        woken = true
        wake()
      })
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      timer.cancel()
    }
  } finally {
    unsubscribe()
    raw.end()
  }
}

function drained(raw: FastifyReply['raw']): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      raw.off('drain', go)
      raw.off('close', go)
      resolve()
    }
    raw.on('drain', go)
    raw.on('close', go)
  })
}
