import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '#lib/index.ts'
import { judge, lifeOf } from './one-stream.ts'
import type { Sent } from './turned-loop.ts'
import { udpPcap } from './udp-pcap.ts'

/** A tenth of an hour; `npm run bench -- continuity` goes through the whole. */
const LENGTH_MS = 360_000
const PORT = 40_000

/** The rows of tshark's table of RTP streams, without its head. */
async function streamsByTshark(stream: readonly Sent[]): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'tl-stream-'))
  try {
    const file = join(directory, 'stream.pcap')
    writeFileSync(file, udpPcap(stream.map(({ bytes, at }) => ({ bytes, at, port: PORT }))))
    const args = ['-r', file, '-d', `udp.port==${PORT},rtp`, '-q', '-z', 'rtp,streams']
    const text = await run('tshark', args, { timeoutMs: 30_000 })
    return text.split('\n').filter((line) => line.includes('0x'))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

for (const seed of [1, 2]) {
  test(`M06 transfers, parking, holding, prompts and keys: one stream whose times only grow, a marker at each change (${seed})`, async () => {
    const stream = lifeOf(LENGTH_MS, seed)
    const { changes, faults } = judge(stream)
    assert.deepEqual(faults, [])
    assert.ok(changes > 40, `${changes} changes`)
    const rows = await streamsByTshark(stream)
    assert.equal(rows.length, 1)
    assert.match(rows[0]!, new RegExp(`\\b${stream.length}\\b.*\\b0 \\(0.0%\\)`))
  })
}
