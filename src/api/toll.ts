import { Type } from 'typebox'
import { removeTollClass, writeTollClass } from '#journeys/install/index.ts'
import { type App, operatorOnly } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { OfSubscriber, TollLimits, TollPolicy } from './schema.ts'

const closed = { additionalProperties: false }

const fields = {
  title: Type.String({ maxLength: 200 }),
  prefixes: Type.Array(Type.String({ maxLength: 16 }), {
    minItems: 1,
    maxItems: 10_000,
    description: 'How its numbers begin: +32900, + for all E.164 numbers, nothing for all. The longest of all classes decides.',
  }),
  policy: TollPolicy,
  limits: Type.Optional(TollLimits),
}
const TollClass = Type.Object({ name: Type.String(), ...fields })
const Use = Type.Object({
  class: Type.Optional(Type.String({ description: 'Absent where the limit is of all calls.' })),
  rule: Type.String({ description: 'callsPerMinute, callsPerHour, minutesPerDay, spendPerDay or spendPerMonth' }),
  limit: Type.Number(),
  used: Type.Number({ description: 'What calls that run have been granted ahead is in it.' }),
})
const OfClass = Type.Object({ name: Type.String() })

/** Which numbers outside cost alike, and whether they may be called. */
export function tollRoutes(app: App, { install: deps, switch: callSwitch }: ApiDeps): void {
  app.get(
    '/v1/toll-classes',
    {
      config: operatorOnly,
      schema: { summary: 'Classes of numbers outside', response: { 200: Type.Object({ items: Type.Array(TollClass) }) } },
    },
    async () => ({ items: await deps.store.listTollClasses() }),
  )
  app.put(
    '/v1/toll-classes/:name',
    {
      config: operatorOnly,
      schema: {
        summary: 'Add a class of numbers, or change one; calls that are up go on',
        params: OfClass,
        body: Type.Object(fields, closed),
        response: { 200: TollClass },
      },
    },
    ({ params, body }) => writeTollClass(deps, { name: params.name, ...body }),
  )
  app.delete(
    '/v1/toll-classes/:name',
    {
      config: operatorOnly,
      schema: { summary: 'Remove a class: its numbers are those of the classes with shorter prefixes', params: OfClass },
    },
    async ({ params }, reply) => {
      await removeTollClass(deps, params.name)
      return reply.code(204).send()
    },
  )
  app.get(
    '/v1/subscribers/:subscriber/toll',
    {
      schema: {
        summary: 'How far the limits of a subscriber’s calls out are used up',
        description:
          'A limit of calls that no call has met yet is not listed. What was spent before a limit was set counts towards it.',
        params: OfSubscriber,
        response: { 200: Type.Object({ items: Type.Array(Use) }) },
      },
    },
    async ({ subscriber }) => {
      const uses = await callSwitch.call('toll.list', { subscriber: subscriber.id })
      return { items: uses.map(({ subscriber: _, ...use }) => use) }
    },
  )
}
