import { Readable } from 'node:stream'
import { Type } from 'typebox'
import { type Id, isId } from '#lib/index.ts'
import { sentAs } from './answers.ts'
import type { App } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { problem } from './problem.ts'
import { byteRange } from './range.ts'

const Recording = Type.Object({
  id: Type.String(),
  call: Type.String(),
  startedAt: Type.String({ format: 'date-time' }),
  durationMs: Type.Integer(),
  channels: Type.Integer({ description: '1, or 2: the caller left, the other side right' }),
  sizeBytes: Type.Integer({ description: 'Of the WAV file.' }),
  complete: Type.Boolean({ description: 'False while it is being recorded, and for ever where a crash has cut it.' }),
})
const OfSubscriber = Type.Object({ subscriber: Type.String() })
const OfRecording = Type.Object({ subscriber: Type.String(), recording: Type.String() })
const PageQuery = Type.Object(
  { after: Type.Optional(Type.String()), limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }) },
  { additionalProperties: false },
)

/** What calls have recorded. Sound is unsealed only on its way out. */
export function recordingRoutes(app: App, { recordings }: ApiDeps): void {
  app.get(
    '/v1/subscribers/:subscriber/recordings',
    {
      schema: {
        summary: 'Recordings, the oldest first',
        params: OfSubscriber,
        querystring: PageQuery,
        response: { 200: Type.Object({ items: Type.Array(Recording), next: Type.Optional(Type.String()) }) },
      },
    },
    async ({ subscriber, query }) => {
      const { after, limit } = query
      const items = await recordings.list(subscriber.id, { ...(after === undefined ? {} : { after }), limit })
      const last = items.at(-1)
      return { items, ...(items.length === limit && last ? { next: last.id } : {}) }
    },
  )
  app.get(
    '/v1/subscribers/:subscriber/recordings/:recording',
    { schema: { summary: 'What is known of a recording', params: OfRecording, response: { 200: Recording } } },
    ({ subscriber, params }) => recordings.facts(subscriber.id, recordingId(params.recording)),
  )
  app.get(
    '/v1/subscribers/:subscriber/recordings/:recording/audio',
    {
      schema: {
        summary: 'A recording as a WAV file; a part of it by Range (RFC 9110 §14)',
        params: OfRecording,
        response: { 200: sentAs('audio/wav', 'All of it.'), 206: sentAs('audio/wav', 'The part that was asked for.') },
      },
    },
    async ({ subscriber, params, headers }, reply) => {
      const reader = await recordings.open(subscriber.id, recordingId(params.recording))
      const range = byteRange(headers.range, reader.bytes)
      reply.header('accept-ranges', 'bytes')
      if (range === 'unsatisfiable') {
        await reader.close()
        reply.header('content-range', `bytes */${reader.bytes}`)
        throw problem('range-not-satisfiable', 416, 'The recording has no such part.')
      }
      const { start, end } = range ?? { start: 0, end: reader.bytes }
      if (range) reply.code(206).header('content-range', `bytes ${start}-${end - 1}/${reader.bytes}`)
      const stream = Readable.from(reader.read(start, end), { objectMode: false })
      stream.once('close', () => void reader.close())
      return reply
        .type('audio/wav')
        .header('cache-control', 'no-store')
        .header('content-length', end - start)
        .send(stream)
    },
  )
  app.delete(
    '/v1/subscribers/:subscriber/recordings/:recording',
    { schema: { summary: 'Remove a recording', params: OfRecording } },
    async ({ subscriber, params }, reply) => {
      await recordings.remove(subscriber.id, recordingId(params.recording))
      return reply.code(204).send()
    },
  )
}

/** Nothing else is ever part of a path on the disk. */
function recordingId(id: string): Id<'rec'> {
  if (!isId('rec', id)) throw problem('not-found', 404, 'There is no such recording.')
  return id
}
