import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Id, newId } from '#lib/index.ts'
import type { VoiceMethods } from '#platform/words/index.ts'
import type { Found } from './command.ts'
import { Detections } from './detections.ts'

type Result = VoiceMethods['detect']['result']

const BUSY: Found = { progress: { tone: 'busy', ms: 900 } }

/** One that a switch asks for which is gone soon; what it finds, and its end, are told by the test. */
function begun(detections: Detections) {
  const verb = newId('verb')
  const end = Promise.withResolvers<Result>()
  const gone = new AbortController()
  let find: (found: Found) => void = () => {}
  const asked = detections.listen(verb, { tell: () => {}, signal: gone.signal }, (found) => {
    find = found
    return end.promise
  })
  return {
    verb,
    find: (found: Found) => find(found),
    end: () => end.resolve({ reason: 'done' }),
    lose: () => gone.abort(),
    asked,
  }
}

/** Another switch asks for it. */
async function again(detections: Detections, verb: Id<'verb'>): Promise<{ found: Found[]; end: Result }> {
  const found: Found[] = []
  const unknown = async (): Promise<Result> => ({ reason: 'gone' })
  const end = await detections.listen(verb, { tell: (one) => void found.push(one), signal: undefined }, unknown)
  return { found, end }
}

test('C11 what is listened for goes on without whoever has asked, and is told to who asks again, once', async () => {
  const detections = new Detections()
  const one = begun(detections)
  one.lose()
  one.find(BUSY)
  one.end()
  await one.asked
  assert.deepEqual(await again(detections, one.verb), { found: [BUSY], end: { reason: 'done' } })
  assert.deepEqual(await again(detections, one.verb), { found: [], end: { reason: 'gone' } })
})

test('C11 however many others have ended unheard, one that still runs is not forgotten, and the newest ends are not', async () => {
  const detections = new Detections()
  const runs = begun(detections)
  runs.find(BUSY)
  runs.lose()
  const others = Array.from({ length: 1500 }, () => begun(detections))
  for (const other of others) {
    other.lose()
    other.end()
    await other.asked
  }
  const reasons = []
  for (const { verb } of others) reasons.push((await again(detections, verb)).end.reason)
  assert.deepEqual([reasons.filter((reason) => reason === 'done').length, reasons.at(-1), reasons[0]], [1000, 'done', 'gone'])
  const asked = again(detections, runs.verb)
  runs.end()
  assert.deepEqual(await asked, { found: [BUSY], end: { reason: 'done' } })
})
