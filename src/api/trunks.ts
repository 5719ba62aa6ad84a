import { Type } from 'typebox'
import { removeTrunk, setEmergencyNumbers, writeTrunk } from '#journeys/install/index.ts'
import type { TrunkConfig } from '#platform/words/index.ts'
import { type App, operatorOnly } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { Trunk } from './schema.ts'

const Gateways = Type.Array(
  Type.Object({ address: Type.String(), port: Type.Optional(Type.Integer()) }, { additionalProperties: false }),
  { minItems: 1, maxItems: 64 },
)
const Limit = Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]))
const fields = {
  maxIn: Limit,
  maxOut: Limit,
  emergencyReserve: Type.Optional(Type.Integer({ minimum: 0 })),
  media: Type.Optional(Type.Union([Type.Literal('relay'), Type.Literal('direct')])),
}
const NewTrunk = Type.Object({ name: Type.String(), gateways: Gateways, ...fields }, { additionalProperties: false })
const TrunkPatch = Type.Object(
  { name: Type.Optional(Type.String()), gateways: Type.Optional(Gateways), ...fields },
  { additionalProperties: false, minProperties: 1 },
)
const OfTrunk = Type.Object({ trunk: Type.String({ description: 'Id or name.' }) })
const Numbers = Type.Object({ numbers: Type.Array(Type.String(), { maxItems: 20 }) }, { additionalProperties: false })

export function trunkRoutes(app: App, { install: deps }: ApiDeps): void {
  const { store } = deps
  app.get(
    '/v1/trunks',
    { config: operatorOnly, schema: { summary: 'Trunks by name', response: { 200: Type.Object({ items: Type.Array(Trunk) }) } } },
    async () => ({ items: await store.listTrunks() }),
  )
  app.post(
    '/v1/trunks',
    { config: operatorOnly, schema: { summary: 'Add a trunk', body: NewTrunk, response: { 201: Trunk } } },
    async (request, reply) => {
      const base = { name: request.body.name, gateways: [], emergencyReserve: 0, media: 'relay' as const }
      return reply.code(201).send(await writeTrunk(deps, changed(base, request.body)))
    },
  )
  app.get(
    '/v1/trunks/:trunk',
    { config: operatorOnly, schema: { summary: 'Show a trunk', params: OfTrunk, response: { 200: Trunk } } },
    (request) => store.findTrunk(request.params.trunk),
  )
  app.patch(
    '/v1/trunks/:trunk',
    {
      config: operatorOnly,
      schema: { summary: 'Change a trunk; calls on it stay up', params: OfTrunk, body: TrunkPatch, response: { 200: Trunk } },
    },
    async (request) => writeTrunk(deps, changed(await store.findTrunk(request.params.trunk), request.body)),
  )
  app.delete(
    '/v1/trunks/:trunk',
    { config: operatorOnly, schema: { summary: 'Remove a trunk', params: OfTrunk } },
    async (request, reply) => {
      await removeTrunk(deps, await store.findTrunk(request.params.trunk))
      return reply.code(204).send()
    },
  )
  app.get(
    '/v1/emergency-numbers',
    { config: operatorOnly, schema: { summary: 'Numbers that are placed before everything else', response: { 200: Numbers } } },
    async () => ({ numbers: await store.listEmergencyNumbers() }),
  )
  app.put(
    '/v1/emergency-numbers',
    { config: operatorOnly, schema: { summary: 'Set the emergency numbers', body: Numbers, response: { 200: Numbers } } },
    async (request) => {
      await setEmergencyNumbers(deps, request.body.numbers)
      return { numbers: await store.listEmergencyNumbers() }
    },
  )
}

type Fields = {
  name?: string
  gateways?: { address: string; port?: number }[]
  maxIn?: number | null
  maxOut?: number | null
  emergencyReserve?: number
  media?: TrunkConfig['media']
}

/** A trunk with these fields changed; null takes a limit away. */
function changed<T extends Omit<TrunkConfig, 'id'>>(trunk: T, fields: Fields): T {
  const { maxIn = trunk.maxIn, maxOut = trunk.maxOut } = fields
  const { maxIn: _in, maxOut: _out, ...rest } = trunk
  return {
    ...rest,
    name: fields.name ?? trunk.name,
    gateways: fields.gateways?.map(({ address, port = 5060 }) => ({ address, port })) ?? trunk.gateways,
    emergencyReserve: fields.emergencyReserve ?? trunk.emergencyReserve,
    media: fields.media ?? trunk.media,
    ...(maxIn === null || maxIn === undefined ? {} : { maxIn }),
    ...(maxOut === null || maxOut === undefined ? {} : { maxOut }),
  } as T
}
