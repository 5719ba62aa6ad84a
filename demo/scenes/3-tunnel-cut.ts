import assert from 'node:assert/strict'
import { now, until } from '../../test/peer/index.ts'
import { eventually, hears, newest, quiet } from '../ask.ts'
import { known, NUMBERS, type Stage, TONES } from '../stage.ts'

/** What a user would feel, in ms; asserted at three times its value, because the machine may be busy. */
const FALLBACK_MS = 3000
const MEDIA_TIMEOUT_MS = 3000
const PROOF_MS = 2000

/** The tunnel is cut: the next call lands over the trunk, the call that was up ends with a cause, and all comes back by itself. */
export async function tunnelCut(stage: Stage): Promise<void> {
  const { carrier } = stage
  const before = await newest(stage, 'acme')
  const up = await stage.call(known(0), NUMBERS.acme, TONES.callerA)
  await carrier.wait(up, 'up')
  await hears({ peer: carrier, call: up }, TONES.acmePbx)
  const neighbour = await stage.call(known(0), NUMBERS.globex, TONES.callerB)
  await carrier.wait(neighbour, 'up')

  const acme = stage.office('acme')
  await acme.plug(false)
  const cut = now()
  stage.tell('acme', "someone pulls the cable of acme's router", 'the tunnel is dead; one call was up on it')
  const next = await stage.call(known(1), NUMBERS.acme, TONES.callerB)
  const landed = await carrier.wait(next, 'up', 3 * FALLBACK_MS)
  assert.equal(landed.final?.status, 200)
  await hears({ peer: carrier, call: next }, TONES.acmeLine)
  const took = landed.answeredAt! - landed.invitedAt
  assert.ok(took < 3 * FALLBACK_MS)
  const diverted = await eventually(stage, 'acme', before, 'leg.diverted', (event) => event.type === 'leg.diverted')
  assert.match(JSON.stringify(diverted.data), /trunk/)
  stage.tell('switch', `the next call is answered over the trunk after ${(took / 1000).toFixed(1)} s`, whyOf(diverted.data))

  const lost = await carrier.wait(up, 'ended', 3 * (MEDIA_TIMEOUT_MS + PROOF_MS))
  assert.equal(lost.ending?.by, 'remote')
  const cleared = await eventually(stage, 'acme', before, 'channel-lost', (event) => event.cause?.reason === 'channel-lost')
  assert.equal(cleared.cause?.by, 'network')
  const after = ((lost.ending?.at ?? cut) - cut) / 1000
  stage.tell(
    'switch',
    `the call on the cut tunnel is ended after ${after.toFixed(1)} s`,
    `${cleared.cause?.reason} by the ${cleared.cause?.by}`,
  )
  await faultIsNamed(stage)

  assert.equal((await carrier.report(neighbour)).phase, 'up', "globex's call never noticed")
  await hears({ peer: carrier, call: neighbour }, TONES.globexPbx)
  stage.story.proof("globex's call never noticed")
  await carrier.hangup(next)
  await carrier.hangup(neighbour)
  await quiet(stage)
  await comesBack(stage)
}

function whyOf(data: Record<string, unknown>): string {
  return String(data.why ?? JSON.stringify(data))
}

async function faultIsNamed(stage: Stage): Promise<void> {
  const outcome = await stage.platform.attempt('channel', 'check', 'acme')
  const check = JSON.parse(outcome.out) as { ok: boolean; steps: { step: string; ok: boolean; text: string }[] }
  assert.equal(check.ok, false)
  const fault = check.steps.find((step) => !step.ok)
  assert.ok(fault && ['handshake', 'gateway'].includes(fault.step), JSON.stringify(check))
  stage.tell('operator', `tieline channel check acme: ${fault.step}`, fault.text)
}

/** Nobody touches anything but the cable. */
async function comesBack(stage: Stage): Promise<void> {
  const { carrier } = stage
  await stage.office('acme').plug(true)
  const plugged = now()
  stage.tell('acme', 'the cable is back in its place')
  await until(
    'the channel to work again',
    async () => (await stage.platform.api<{ ok: boolean }>('POST', '/v1/subscribers/acme/channel/check', {})).ok,
    45_000,
    200,
  )
  const before = await newest(stage, 'acme')
  const call = await stage.call(known(2), NUMBERS.acme, TONES.callerA)
  await carrier.wait(call, 'up')
  await hears({ peer: carrier, call }, TONES.acmePbx)
  const leg = await eventually(stage, 'acme', before, 'leg.originated', (event) => event.type === 'leg.originated')
  assert.equal(leg.data.via, 'channel')
  stage.tell(
    'platform',
    `the tunnel is back by itself: the next call goes over it, ${((now() - plugged) / 1000).toFixed(1)} s later`,
  )
  await carrier.hangup(call)
  await quiet(stage)
}
