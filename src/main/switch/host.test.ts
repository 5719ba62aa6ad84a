import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog, TurnedClock } from '#lib/index.ts'
import type { AgentMemory } from '#platform/resource/index.ts'
import type { HostMethods } from '#platform/words/index.ts'
import { serveLink } from '#protocol/link/index.ts'
import { followHost } from './host.ts'

test('host is asked again which sandboxes there are, where it has not said', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tl-host-'))
  const path = join(directory, 'host.sock')
  const clock = new TurnedClock()
  const said: string[] = []
  const asked = Promise.withResolvers<void>()
  const settled = Promise.withResolvers<void>()
  const memory = { asking: () => said.push('asked'), settle: () => settled.resolve() } as unknown as AgentMemory
  await using _host = await serveLink<{ answers: Pick<HostMethods, 'channel.list' | 'memory.list'> }>({
    path,
    hello: { process: 'host', version: 1 },
    log: silentLog,
    methods: {
      'channel.list': () => [],
      'memory.list': () => {
        asked.resolve()
        return said.length === 1 ? new Promise<never>(() => {}) : []
      },
    },
  })
  const client = followHost({ path, log: silentLog, clock, channels: new Map(), memory, onSaid() {} })
  try {
    await asked.promise
    await clock.turnAsync(5000)
    await settled.promise
    assert.deepEqual(said, ['asked', 'asked'])
  } finally {
    client.close()
    rmSync(directory, { recursive: true })
  }
})
