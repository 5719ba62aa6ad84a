import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAME, FrameReader, LARGEST_PAYLOAD, samplesOf, writeFrame, writeNumber, writeSamples } from './index.ts'

test('frames are found however the stream is cut', () => {
  const sound = Int16Array.of(0, 1, -1, 32_767, -32_768)
  const bytes = Buffer.concat([
    writeFrame(FRAME.hello, Buffer.from('x')),
    writeSamples(sound),
    writeNumber(FRAME.mark, 7, 1),
    writeFrame(FRAME.clear),
  ])
  for (let size = 1; size <= bytes.length; size++) {
    const reader = new FrameReader()
    const frames: [number, Buffer][] = []
    for (let at = 0; at < bytes.length; at += size) {
      assert.ok(reader.push(bytes.subarray(at, at + size), (type, payload) => frames.push([type, Buffer.from(payload)])))
    }
    assert.deepEqual(
      frames.map(([type]) => type),
      [FRAME.hello, FRAME.audio, FRAME.mark, FRAME.clear],
    )
    assert.deepEqual(samplesOf(frames[1]![1]), sound)
    assert.deepEqual([...frames[2]![1]], [0, 0, 0, 7, 1])
  }
})

test('a length that nobody needs is refused before its bytes are waited for', () => {
  const head = Buffer.alloc(4)
  head.writeUInt32BE((FRAME.audio << 24) | (LARGEST_PAYLOAD + 1))
  assert.equal(
    new FrameReader().push(head, () => {}),
    false,
  )
  assert.throws(() => writeFrame(FRAME.audio, Buffer.alloc(LARGEST_PAYLOAD + 1)))
})

test('half a sample is left out', () => {
  assert.deepEqual(samplesOf(Buffer.of(1, 0, 9)), Int16Array.of(1))
})
