import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countryTone, TONE_COUNTRIES, TONE_NAMES, toneCycle } from './index.ts'

test('each country has each tone, with a sound and whole times', () => {
  assert.ok(TONE_COUNTRIES.length > 15)
  for (const country of TONE_COUNTRIES)
    for (const name of TONE_NAMES)
      for (const { frequencies, onMs, offMs } of countryTone(name, country)) {
        assert.ok(frequencies.length > 0 && frequencies.every((hz) => hz >= 350 && hz <= 620), `${country} ${name}`)
        assert.ok(onMs >= 100 && offMs >= 0, `${country} ${name}`)
      }
})

test('Britain rings twice, and an unknown country rings like Europe', () => {
  assert.deepEqual(countryTone('ringback', 'gb'), [
    { frequencies: [400, 450], onMs: 400, offMs: 200 },
    { frequencies: [400, 450], onMs: 400, offMs: 2000 },
  ])
  assert.equal(toneCycle(countryTone('ringback', 'gb')).length, 3000 * 8)
  assert.deepEqual(countryTone('busy', 'zz'), countryTone('busy', 'de'))
})
