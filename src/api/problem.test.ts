import assert from 'node:assert/strict'
import { test } from 'node:test'
import fastify from 'fastify'
import { type Log, TielineError } from '#lib/index.ts'
import { LinkLost } from '#protocol/link/index.ts'
import { problem, sendProblem } from './problem.ts'

/** What a route that throws this is answered with, and what is logged of it. */
async function thrown(error: unknown) {
  const lines: { level: string; fields: Record<string, unknown> }[] = []
  const line = (level: string) => (fields: object) => void lines.push({ level, fields: fields as Record<string, unknown> })
  const log: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error'), child: () => log }
  const app = fastify()
  app.setErrorHandler((raised, _request, reply) => sendProblem(reply, raised, log))
  app.get('/x', () => {
    throw error
  })
  const { statusCode, headers, body } = await app.inject('/x')
  await app.close()
  return { statusCode, headers, body: JSON.parse(body), lines }
}

test('a process that is away costs a line for each request, and no stack; the asker is told to come again', async () => {
  const { statusCode, headers, lines } = await thrown(new LinkLost('unreachable'))
  assert.deepEqual([statusCode, headers['retry-after']], [503, '2'])
  assert.deepEqual(
    lines.map(({ level }) => level),
    ['warn'],
  )
  assert.ok(!('err' in lines[0]!.fields))
  assert.deepEqual([lines[0]!.fields.code, lines[0]!.fields.route], ['link-lost', '/x'])
})

test('a bug is logged whole and told to nobody; what the asker did wrong is not logged', async () => {
  const bug = new Error('secret')
  const { statusCode, body, lines } = await thrown(bug)
  assert.deepEqual([statusCode, lines[0]?.level, lines[0]?.fields.err], [500, 'error', bug])
  assert.doesNotMatch(JSON.stringify(body), /secret/)
  assert.deepEqual((await thrown(problem('not-found', 404, 'There is no such thing.'))).lines, [])
})

test('what was asked is not said back at length (F09)', async () => {
  const long = 'x'.repeat(60_000)
  const error = new TielineError(
    `no ${long}`,
    { code: 'invalid-argument', fault: 'caller', retry: false, http: 422 },
    { field: long },
  )
  const { body } = await thrown(error)
  assert.ok(body.detail.length <= 1001 && body.details.field.length <= 501)
})
