import { Type } from 'typebox'
import { removeTrunk, setEmergencyNumbers, writeTrunk } from '#journeys/install/index.ts'
import { type App, operatorOnly } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { Trunk } from './schema.ts'
import { changedTrunk, NewTrunk, shownTrunk, TrunkPatch } from './trunk-form.ts'

const OfTrunk = Type.Object({ trunk: Type.String({ description: 'Id or name.' }) })
const Numbers = Type.Object({ numbers: Type.Array(Type.String(), { maxItems: 20 }) }, { additionalProperties: false })

/** Seconds between two OPTIONS to a gateway, where a new trunk says nothing else. */
const OPTIONS_SECONDS = 30

export function trunkRoutes(app: App, { install: deps, switch: calls }: ApiDeps): void {
  const { store, sealer } = deps
  const seal = (password: string) => sealer.seal(password)
  const states = () => calls.call('trunk.state', {}, { timeoutMs: 2000 }).catch(() => [])
  app.get(
    '/v1/trunks',
    { config: operatorOnly, schema: { summary: 'Trunks by name', response: { 200: Type.Object({ items: Type.Array(Trunk) }) } } },
    async () => ({ items: (await store.listTrunks()).map((trunk) => shownTrunk(trunk)) }),
  )
  app.post(
    '/v1/trunks',
    { config: operatorOnly, schema: { summary: 'Add a trunk', body: NewTrunk, response: { 201: Trunk } } },
    async (request, reply) => {
      const { name } = request.body
      const base = { name, gateways: [], emergencyReserve: 0, media: 'relay' as const, optionsSeconds: OPTIONS_SECONDS }
      return reply.code(201).send(shownTrunk(await writeTrunk(deps, changedTrunk(base, request.body, seal))))
    },
  )
  app.get(
    '/v1/trunks/:trunk',
    { config: operatorOnly, schema: { summary: 'Show a trunk, with how it is', params: OfTrunk, response: { 200: Trunk } } },
    async (request) => {
      const trunk = await store.findTrunk(request.params.trunk)
      const state = (await states()).find((s) => s.trunk === trunk.id)
      return shownTrunk(trunk, state)
    },
  )
  app.patch(
    '/v1/trunks/:trunk',
    {
      config: operatorOnly,
      schema: { summary: 'Change a trunk; calls on it stay up', params: OfTrunk, body: TrunkPatch, response: { 200: Trunk } },
    },
    async (request) => {
      const trunk = await store.findTrunk(request.params.trunk)
      return shownTrunk(await writeTrunk(deps, changedTrunk(trunk, request.body, seal)))
    },
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
