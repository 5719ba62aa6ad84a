const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19]
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
]
const BLOCK = 64

/** BLAKE2s with a key, `length` bytes (RFC 7693 §3.3): what node:crypto has is without. */
export function keyedBlake2s(key: Uint8Array, message: Uint8Array, length: number): Buffer {
  const state = Uint32Array.from(IV)
  state[0] = state[0]! ^ (0x01010000 | (key.length << 8) | length)
  const padded = Buffer.alloc(BLOCK)
  padded.set(key)
  const all = Buffer.concat([padded, message])
  const blocks = Math.max(1, Math.ceil(all.length / BLOCK))
  for (let i = 0; i < blocks; i++) {
    const block = Buffer.alloc(BLOCK)
    block.set(all.subarray(i * BLOCK, (i + 1) * BLOCK))
    const last = i === blocks - 1
    compress(state, block, last ? all.length : (i + 1) * BLOCK, last)
  }
  const digest = Buffer.alloc(32)
  for (const [i, word] of state.entries()) digest.writeUInt32LE(word, 4 * i)
  return digest.subarray(0, length)
}

/** RFC 7693 §3.2. No message is as long as 4 GiB, so that the upper half of the counter is 0. */
function compress(state: Uint32Array, block: Buffer, count: number, last: boolean): void {
  const words = Array.from({ length: 16 }, (_, i) => block.readUInt32LE(4 * i))
  const v = Uint32Array.from([...state, ...IV])
  v[12] = v[12]! ^ count
  if (last) v[14] = ~v[14]!
  const turn = (value: number, by: number) => (value >>> by) | (value << (32 - by))
  const mix = (a: number, b: number, c: number, d: number, x: number, y: number) => {
    v[a] = v[a]! + v[b]! + x
    v[d] = turn(v[d]! ^ v[a]!, 16)
    v[c] = v[c]! + v[d]!
    v[b] = turn(v[b]! ^ v[c]!, 12)
    v[a] = v[a]! + v[b]! + y
    v[d] = turn(v[d]! ^ v[a]!, 8)
    v[c] = v[c]! + v[d]!
    v[b] = turn(v[b]! ^ v[c]!, 7)
  }
  const places = [
    ...[
      [0, 4, 8, 12],
      [1, 5, 9, 13],
      [2, 6, 10, 14],
      [3, 7, 11, 15],
    ],
    ...[
      [0, 5, 10, 15],
      [1, 6, 11, 12],
      [2, 7, 8, 13],
      [3, 4, 9, 14],
    ],
  ] as [number, number, number, number][]
  for (const order of SIGMA)
    for (const [i, place] of places.entries()) mix(...place, words[order[2 * i]!]!, words[order[2 * i + 1]!]!)
  for (let i = 0; i < 8; i++) state[i] = state[i]! ^ v[i]! ^ v[i + 8]!
}
