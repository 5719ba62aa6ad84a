import { Type } from 'typebox'
import type { ChannelStatus, CheckStep } from '#platform/words/index.ts'
import { type App, operatorOnly } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { OfSubscriber } from './schema.ts'

const Channel = Type.Object({
  subscriber: Type.String(),
  state: Type.String({ description: 'provisioned, connecting, up, stale, down or removed' }),
  reason: Type.String(),
  handshakeAgeSeconds: Type.Union([Type.Number(), Type.Null()]),
  receivedBytes: Type.Number(),
  sentBytes: Type.Number(),
  mtu: Type.Integer(),
})

const Check = Type.Object({
  ok: Type.Boolean(),
  steps: Type.Array(Type.Object({ step: Type.String(), ok: Type.Boolean(), text: Type.String() })),
})

const CHECK_MS = 15_000
const PROBE_MS = 3000

export function channelRoutes(app: App, { host, switch: callSwitch }: ApiDeps): void {
  app.get(
    '/v1/channels',
    {
      config: operatorOnly,
      schema: { summary: 'All private channels', response: { 200: Type.Object({ items: Type.Array(Channel) }) } },
    },
    async () => ({ items: await host.call('channel.list', {}) }),
  )
  app.get(
    '/v1/subscribers/:subscriber/channel',
    { schema: { summary: 'How the private channel is', params: OfSubscriber, response: { 200: Channel } } },
    async (request): Promise<ChannelStatus> => {
      const { id, channel } = request.subscriber
      const status = (await host.call('channel.list', {})).find(({ subscriber }) => subscriber === id)
      const unknown = { handshakeAgeSeconds: null, receivedBytes: 0, sentBytes: 0, mtu: channel.mtu }
      return status ?? { subscriber: id, state: 'removed', reason: 'the node has no such channel', ...unknown }
    },
  )
  app.post(
    '/v1/subscribers/:subscriber/channel/check',
    { schema: { summary: 'Find out what is wrong with the channel', params: OfSubscriber, response: { 200: Check } } },
    async (request) => {
      const subscriber = request.subscriber.id
      const steps = await host.call('channel.check', { subscriber }, { timeoutMs: CHECK_MS })
      // Behind a step that fails nothing can answer.
      if (steps.every(({ ok }) => ok)) {
        const { dns, pbx } = await callSwitch.call(
          'channel.probe',
          { subscriber, timeoutMs: PROBE_MS },
          { timeoutMs: PROBE_MS * 3 },
        )
        const probed: CheckStep[] = []
        if (dns) probed.push({ step: 'dns', ...dns })
        // An answer of the PBX to OPTIONS proves the road there and back.
        if (pbx) probed.push({ step: 'route-back', ...pbx })
        for (const step of probed) replaceStep(steps, step)
      }
      return { ok: steps.every(({ ok }) => ok), steps }
    },
  )
}

/** What the switch has seen counts more than what host supposed of the same step. */
function replaceStep(steps: CheckStep[], step: CheckStep): void {
  const at = steps.findIndex((known) => known.step === step.step)
  if (at < 0) steps.push(step)
  else steps[at] = step
}
