import { Type } from 'typebox'
import type { AlarmChange } from '#platform/words/index.ts'
import { sentAs } from './answers.ts'
import { type App, operatorOnly } from './app.ts'
import type { ApiDeps } from './deps.ts'

export const Alarm = Type.Object({
  code: Type.String({ description: 'What kind it is: trunk-down, resource-scarce, disk-scarce, …' }),
  about: Type.String({ description: 'What it is about, by name.' }),
  severity: Type.Union([Type.Literal('warning'), Type.Literal('critical')], {
    description: 'critical: calls are lost, or will be before long.',
  }),
  text: Type.String(),
  subscriber: Type.Optional(Type.String()),
  since: Type.String({ format: 'date-time' }),
})

const After = Type.Object({ after: Type.Optional(Type.Integer({ minimum: 0 })) }, { additionalProperties: false })

/** Ms between two beats: a reader that hears nothing for twice as long knows that nobody is there (PITFALLS C03). */
const HEARTBEAT_MS = 5000

export function alarmRoutes(app: App, { watch, clock }: ApiDeps): void {
  app.get(
    '/v1/alarms',
    {
      config: operatorOnly,
      schema: {
        summary: 'Alarms that hold now, the gravest first',
        response: { 200: Type.Object({ items: Type.Array(Alarm) }) },
      },
    },
    async () => {
      await watch.look()
      return { items: watch.board.active }
    },
  )
  app.get(
    '/v1/alarms/stream',
    {
      config: operatorOnly,
      schema: {
        summary: 'Alarms as they are raised, changed and cleared (text/event-stream)',
        description:
          'Those that hold come first as they are; with `after` or Last-Event-ID what has changed since instead. A comment comes every 5 s.',
        querystring: After,
        response: { 200: sentAs('text/event-stream', 'Each change as `data`, its number as `id`.') },
      },
    },
    (request, reply) => {
      const last = request.headers['last-event-id']
      const asked = request.query.after ?? (typeof last === 'string' && /^\d{1,15}$/.test(last) ? Number(last) : undefined)
      reply.hijack()
      const { raw } = reply
      raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
      const write = (change: AlarmChange) =>
        raw.write(`id: ${change.number}\nevent: ${change.type}\ndata: ${JSON.stringify(change)}\n\n`)
      const newest = watch.board.changes().at(-1)?.number ?? 0
      // A number that is to come yet is of a former process: nothing is known of what its reader has missed.
      const after = asked === undefined || asked > newest ? undefined : asked
      if (after === undefined)
        for (const alarm of watch.board.active) write({ number: newest, at: alarm.since, type: 'alarm.raised', alarm })
      else for (const change of watch.board.changes(after)) write(change)
      const stop = watch.board.subscribe(write)
      let beat = clock.after(HEARTBEAT_MS, function again() {
        raw.write(': beat\n\n')
        beat = clock.after(HEARTBEAT_MS, again)
      })
      raw.on('close', () => {
        stop()
        beat.cancel()
      })
    },
  )
}
