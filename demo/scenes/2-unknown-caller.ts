import assert from 'node:assert/strict'
import { now, until } from '../../test/peer/index.ts'
import { eventually, hears, listen, newest, quiet } from '../ask.ts'
import { NUMBERS, type Stage, TONES } from '../stage.ts'

/** An unknown caller hears speech, presses a digit, and is redirected to the office's telephone system over the trunk. */
export async function unknownCaller(stage: Stage): Promise<void> {
  const { carrier } = stage
  const begun = now()
  const before = await newest(stage, 'acme')
  const call = await stage.call(NUMBERS.unknown, NUMBERS.acme, TONES.callerA)
  stage.tell('carrier', `${NUMBERS.unknown}, whom no one knows, calls ${NUMBERS.acme}`)
  assert.equal((await carrier.wait(call, 'up')).final?.status, 200)
  const speech = async () => (await carrier.report(call)).media!.heard.filter((h) => h.what === 'sound').length
  await until('half a second of speech', async () => (await speech()) >= 5, 8000, 50)
  stage.tell('agent', 'acme: not in the CRM, so a voice asks what it is about', 'espeak-ng')
  await eventually(stage, 'acme', before, 'gather', (event) => event.data.verb === 'call.gather')
  await until('the question to be heard', async () => (await speech()) >= 12, 8000, 50)
  await carrier.press(call, '1')
  stage.tell('carrier', 'the caller presses 1 into the question', 'a telephone-event, RFC 4733')

  const toLine = (to: string) => to.includes(NUMBERS.acmeLine)
  const line = await carrier.find(
    "acme's public number",
    begun,
    (r) => r.direction === 'in' && toLine(r.to) && r.phase === 'up',
    8000,
  )
  const byTrunk = await eventually(stage, 'acme', before, 'leg.originated', (event) => event.type === 'leg.originated')
  assert.equal(byTrunk.data.via, 'trunk')
  assert.equal(byTrunk.data.number, NUMBERS.acmeLine)
  stage.tell('switch', `redirected over the trunk to ${NUMBERS.acmeLine}`, "the office's telephone system by its public number")

  const [caller, office] = [
    { peer: carrier, call },
    { peer: carrier, call: line.call },
  ]
  await Promise.all([hears(caller, TONES.acmeLine), hears(office, TONES.callerA)])
  assert.deepEqual(await listen(caller, office, 600), [[TONES.acmeLine], [TONES.callerA]])
  const digits = (await stage.platform.events('acme', before)).filter((event) => event.type === 'leg.digits')
  assert.equal(digits.length, 1, 'the digit was heard once')
  stage.story.proof(
    `the digit was heard once; over the trunk the caller hears ${TONES.acmeLine} Hz, the office's line ${TONES.callerA} Hz`,
  )
  await carrier.hangup(call)
  assert.equal((await carrier.wait(line.call, 'ended', 5000)).ending?.by, 'remote')
  await quiet(stage)
}
