import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceActivity } from './voice-activity.ts'

const noise = (ms: number, peak: number) => Int16Array.from({ length: ms * 8 }, (_, i) => Math.sin(i * 12.9898 + i * i) * peak)

/** What is told, and at which ms of the sound. */
function told(sounds: Int16Array[], silenceMs = 500): string[] {
  const activity = new VoiceActivity(silenceMs)
  const changes: string[] = []
  let ms = 0
  for (const sound of sounds) {
    for (let at = 0; at < sound.length; at += 400, ms += 50) {
      const change = activity.push(sound.subarray(at, at + 400))
      if (change) changes.push(`${change} ${ms + 50}`)
    }
  }
  return changes
}

test('a voice is told within 100 ms, and its end after the silence', () => {
  assert.deepEqual(told([noise(1000, 20), noise(600, 3000), noise(1000, 20)]), ['began 1100', 'ended 2100'])
})

test('a pause between two words ends nothing', () => {
  const word = noise(300, 3000)
  assert.deepEqual(told([word, noise(300, 10), word, noise(1000, 10)]), ['began 100', 'ended 1400'])
})

test('a click is no voice, nor is the noise of the line', () => {
  assert.deepEqual(told([noise(500, 20), noise(40, 20_000), noise(500, 20)]), [])
  assert.deepEqual(told([noise(500, 150), noise(3000, 200)]), [])
})

test('a voice is heard above the noise of the line', () => {
  const [began] = told([noise(2000, 400), noise(500, 4000)])
  assert.equal(began, 'began 2100')
})
