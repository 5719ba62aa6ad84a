import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId, silentLog, TielineError } from '#lib/index.ts'
import type { MemoryMethods, SandboxMemory } from '#platform/words/index.ts'
import { connectLink, serveLink } from '#protocol/link/index.ts'
import { NodeMemory } from './memory.ts'

test('memory that is asked of a switch that stops waits for the next one, as it does while none is there; a refusal is one', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tl-memory-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'host.sock')
  const memory = new NodeMemory()
  const server = await serveLink<{ calls: MemoryMethods }>({
    ...{ path, hello: { process: 'host', version: 1 }, log: silentLog, methods: {} },
    onPeer: (link) => memory.linked(link as never),
  })
  t.after(() => server.close())
  const asked: SandboxMemory[] = []
  const open = (answer: () => null) => {
    const client = connectLink<{ answers: MemoryMethods }>({
      ...{ path, hello: { process: 'switch', version: 1 }, log: silentLog },
      methods: {
        'memory.take'(wanted) {
          asked.push(wanted)
          return answer()
        },
      },
    })
    t.after(() => client.close())
    return client
  }
  const refuse = (code: string) => () => {
    throw new TielineError('no', { code, fault: 'system', retry: true, http: 503 })
  }
  const wanted = { subscriber: newId('sub'), agent: newId('agt'), mebibytes: 256 }
  const stopping = open(refuse('switch-stopping'))
  const held = memory.take(wanted)
  while (asked.length === 0) await new Promise(setImmediate)
  stopping.close()
  const next = open(() => null)
  const { release } = await held
  assert.deepEqual(
    memory.list().map(({ granted, sandbox }) => [granted, sandbox]),
    [[true, asked[0]!.sandbox]],
  )
  assert.deepEqual(asked[1], asked[0], 'the same sandbox')
  release('stopped')
  next.close()
  open(refuse('resource-unavailable'))
  await assert.rejects(memory.take(wanted), /no/)
  assert.deepEqual(memory.list(), [])
})
