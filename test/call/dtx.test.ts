import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { MediaStats } from '#platform/words/index.ts'
import { type CodecName, codecOf, level } from '#protocol/audio/index.ts'
import type { Phone } from '../interop/voice-phone.ts'
import { sleep, until } from '../peer/clock.ts'
import { answered, hangUp, placed } from './codec-scene.ts'
import { World } from './harness.ts'

/** Comfort noise at −60 dBov, and at −40 (RFC 3389 §3.1). */
const SOFT = 60
const LOUD = 40

const TO_SITE = { subscriber: { defaultRoute: { pbx: '101' } } } as const

/** Two who talk, by telephones that a test has in its hand. */
async function talking(t: TestContext, world: World, codec: CodecName) {
  const call = await placed(t, world, { a: ['PCMU'] })
  await answered(t, call, { a: 'PCMU', b: codec })
  return { ...call, caller: call.a.phone, callee: call.b.phone }
}

/** Speaks for 600 ms and says that it is silent; the time goes on, and now and then it says so again. */
async function spurt(phone: Phone, gapMs: number, { noise = SOFT, every = gapMs }: { noise?: number; every?: number } = {}) {
  phone.speak(700)
  await sleep(600)
  phone.quiet()
  for (let ms = 0; ms < gapMs; ms += every) {
    phone.packet(Uint8Array.of(noise), { payloadType: 13 })
    await sleep(every)
    phone.timestamp = (phone.timestamp + every * 8) >>> 0
  }
}

for (const codec of ['PCMU', 'G722'] as const) {
  test(`M04 M16 a far end that sends nothing while it is silent (DTX, RFC 3389), ${codec === 'PCMU' ? 'relayed' : 'transcoded'}: the call lives, nothing counts as lost, and the other end sees no hole`, async (t) => {
    await using world = await World.open({ voice: true, mediaTimeoutMs: 1000, ...TO_SITE })
    const { a, b, caller, callee } = await talking(t, world, codec)
    caller.speak(400)
    await spurt(callee, 700)
    await spurt(callee, 2400, { every: 600, noise: LOUD })
    await spurt(callee, 600)
    callee.speak(700)
    await until('sound after the last gap', () => caller.tone([700]) === 700, 3000)
    const events = await world.events()
    assert.deepEqual(
      events.filter(({ type }) => type === 'media.silent' || type === 'leg.cleared').map(({ type }) => type),
      [],
    )
    const heard = caller.heard.filter(({ payloadType }) => payloadType === caller.payloadType)
    assert.equal(heard.length, caller.heard.length, 'nothing comes that was not agreed on')
    for (const [i, packet] of heard.entries()) {
      const before = heard[i - 1]
      if (!before) continue
      assert.equal((packet.sequence - before.sequence) & 0xffff, 1, `packet ${i} of ${heard.length} leaves a hole`)
      // Times tell how long the silence was.
      const told = ((packet.timestamp - before.timestamp) >>> 0) / 8
      assert.ok(Math.abs(told - (packet.at - before.at)) < 150, `packet ${i}: ${told} ms, came ${packet.at - before.at} ms later`)
      if (told > 200) assert.ok(packet.marker, `packet ${i} begins a talk spurt`)
    }
    await hangUp(world, a, b)
    const legs = (await world.events()).filter(({ type }) => type === 'leg.cleared')
    for (const { data } of legs) {
      const { received } = data.media as MediaStats
      assert.equal(received?.packetsLost, 0)
      assert.equal(received?.lossRatio, 0)
      assert.ok(received!.jitterMs < 20, `${received!.jitterMs} ms of jitter`)
      assert.ok(received!.mos > 4, `${received!.mos}`)
    }
    assert.equal(legs.length, 2)
  })
}

test('M04 M16 whoever hears a transcoded leg hears its comfort noise, as loud as it says, and no tone that hangs', async (t) => {
  await using world = await World.open({ voice: true, mediaTimeoutMs: 5000, ...TO_SITE })
  const { a, b, caller, callee } = await talking(t, world, 'G722')
  caller.speak(400)
  const loudness = async (noise: number) => {
    await spurt(callee, 1000, { noise })
    // The gap, but for its beginning, and for what has come of the next spurt.
    const decoder = codecOf('PCMU').decoder(8000)
    const pcm = new Int16Array(3840)
    const sound = caller.heard
      .slice(-30, -5)
      .flatMap(({ payload }) => [...pcm.subarray(0, decoder.decode(payload, 0, payload.length, pcm))])
    return level(Int16Array.from(sound))
  }
  const loud = await loudness(LOUD)
  const soft = await loudness(SOFT)
  // 20 dB are a factor of ten.
  assert.ok(loud > 100 && loud < 500, `${loud}`)
  assert.ok(soft < loud / 4, `${soft} beside ${loud}`)
  await hangUp(world, a, b)
})
