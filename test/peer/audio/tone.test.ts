import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode, fromAlaw, fromUlaw, toAlaw, toUlaw } from './g711.ts'
import { Ear, goertzel, meanSquare, Tone } from './tone.ts'

test('G.711 keeps every code word through decoding and encoding', () => {
  for (let octet = 0; octet < 256; octet++) {
    assert.equal(toAlaw(fromAlaw(octet)), octet, `A-law ${octet}`)
    // µ-law has two zeros; the negative one becomes the positive one.
    assert.equal(toUlaw(fromUlaw(octet)), octet === 0x7f ? 0xff : octet, `µ-law ${octet}`)
  }
})

test('a tone is recognised through either law, and no other is', () => {
  for (const type of [0, 8] as const) {
    const ear = new Ear([400, 500, 700])
    ear.listen(decode(encode(new Tone(500).next(1600), type), type), 1)
    assert.deepEqual(ear.heard, [
      { at: 1, what: 500 },
      { at: 1, what: 500 },
    ])
  }
})

test('silence and sound of another kind are told apart from tones', () => {
  const ear = new Ear([400])
  ear.listen(new Tone(0).next(800), 0)
  ear.listen(new Tone(950).next(800), 0)
  assert.deepEqual(
    ear.heard.map((h) => h.what),
    ['silence', 'sound'],
  )
})

test('the power of a pure tone is its mean square', () => {
  const samples = new Tone(600).next(800)
  assert.ok(Math.abs(goertzel(samples, 600) / meanSquare(samples) - 1) < 0.02)
})
