import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Bench, startBench } from './bench.ts'

interface Operation {
  summary?: string
  parameters?: { name: string; in: string }[]
  responses: Record<string, { content?: Record<string, { schema?: object }> }>
}

let bench: Bench
let operations: [name: string, path: string, operation: Operation][]

before(async () => {
  bench = await startBench()
  const { body } = await bench.api<{ paths: Record<string, Record<string, Operation>> }>('GET', '/v1/openapi.json', { key: null })
  operations = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]): [string, string, Operation] => [`${method.toUpperCase()} ${path}`, path, one]),
  )
})
after(() => bench?.[Symbol.asyncDispose]())

const lacking = (lacks: (operation: Operation, path: string) => boolean) =>
  operations.filter(([, path, operation]) => lacks(operation, path)).map(([name]) => name)

describe('the description of the API', () => {
  it('says of every operation what it does, and every parameter of its path', () => {
    assert.ok(operations.length > 70, `only ${operations.length}`)
    assert.deepEqual(
      lacking(({ summary }) => !summary),
      [],
    )
    const named = ({ parameters = [] }: Operation) => parameters.filter((one) => one.in === 'path').map(({ name }) => name)
    assert.deepEqual(
      lacking((operation, path) => [...path.matchAll(/\{(\w+)\}/g)].some(([, name]) => !named(operation).includes(name!))),
      [],
    )
  })

  it('says of every operation what it answers, with its shape, and that it may answer a problem', () => {
    const shaped = ({ responses }: Operation) =>
      Object.entries(responses).some(([status, { content }]) => status === '204' || (/^2/.test(status) && content))
    assert.deepEqual(
      lacking((operation) => !shaped(operation)),
      [],
    )
    assert.deepEqual(
      lacking(({ responses }) => !responses.default?.content?.['application/problem+json']?.schema),
      [],
    )
  })

  it('is what is answered: problems, and an answer without a body', async () => {
    const refused = await bench.api<{ type: string }>('GET', '/v1/subscribers/nobody')
    assert.match(refused.headers.get('content-type') ?? '', /^application\/problem\+json/)
    assert.equal(refused.body.type, 'urn:tieline:problem:not-found')
    const set = { title: 'Short', prefixes: ['1234'], policy: 'allowed' }
    assert.equal((await bench.api('PUT', '/v1/toll-classes/short', { body: set })).status, 200)
    assert.equal((await bench.api('DELETE', '/v1/toll-classes/short')).status, 204)
  })
})
