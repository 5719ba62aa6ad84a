import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TielineError } from '#lib/index.ts'
import { defaultConfig, parseConfig } from './config.ts'

async function problems(text: string): Promise<string[]> {
  try {
    await parseConfig(text, 'test.yaml')
  } catch (error) {
    assert.ok(error instanceof TielineError)
    assert.equal(error.verdict.code, 'invalid-config')
    return error.details.problems as string[]
  }
  return []
}

test('an empty file is the defaults, and a file completes them key by key', async () => {
  assert.deepEqual(await parseConfig('', 'x'), defaultConfig())
  const config = await parseConfig('sip: { address: 192.0.2.1 }\nvoice: { processes: 4 }', 'x')
  assert.deepEqual(config.sip, { address: '192.0.2.1', port: 5060, tls: null })
  assert.equal(config.voice.processes, 4)
  assert.equal(config.voice.mediaTimeoutMs, defaultConfig().voice.mediaTimeoutMs)
})

test('a kind that the file names is as it says, and all others keep their capacity', async () => {
  const { capacities } = await parseConfig('capacities: [{ kind: trunk.in, capacity: 7 }, { kind: own.kind, capacity: 1 }]', 'x')
  const by = Object.fromEntries(capacities.map(({ kind, capacity }) => [kind, capacity]))
  const before = Object.fromEntries(defaultConfig().capacities.map(({ kind, capacity }) => [kind, capacity]))
  assert.deepEqual(by, { ...before, 'trunk.in': 7, 'own.kind': 1 })
  assert.equal(capacities.length, defaultConfig().capacities.length + 1)
})

test('every mistake is named by its key with what is expected (O07)', async () => {
  const said = await problems('instance: TooLong7\nmedia: { ports: { first: high } }\nlog: { level: loud }\nsip: { prot: 5060 }')
  assert.deepEqual(said.sort(), [
    'instance: expected one to six of a-z and 0-9, got "TooLong7"',
    'log.level: expected debug, info, warn or error, got "loud"',
    'media.ports.first: expected a port number from 1 to 65535, got "high"',
    'sip.prot: no such key; known are address, port, tls',
  ])
})

test('many mistakes are named as few are', async () => {
  const numbers = ['requestsPerSecond', 'siteRequestsPerSecond', 'transactionsPerSource', 'shedAboveMs', 'drainSeconds']
  const groups = ['sip', 'media', 'api', 'channel', 'voice', 'calls', 'log', 'trace']
  const text = `load: { ${numbers.map((key) => `${key}: many`).join(', ')} }\n${groups.map((key) => `${key}: 1\n`).join('')}own: 1\n`
  const keys = (await problems(text)).map((problem) => problem.split(':')[0])
  assert.deepEqual(keys.sort(), [...numbers.map((key) => `load.${key}`), ...groups, 'own'].sort())
})

test('a group that is left empty or turned into a value is refused', async () => {
  assert.deepEqual(await problems('sip: 5060'), ['sip: expected a group of keys, got 5060'])
  assert.deepEqual(await problems('just words'), ['expected keys and values'])
  assert.equal((await problems('a: [')).length, 1)
})

test('port ranges may not run into each other or into single ports (R06)', async () => {
  assert.deepEqual(await problems('channel: { ports: { first: 16000, last: 17000 } }'), [
    'channel.ports: overlaps media.ports (16384 to 32767)',
  ])
  assert.deepEqual(await problems('sip: { port: 20000 }'), ['sip.port: 20000 is within media.ports (16384 to 32767)'])
  assert.deepEqual(await problems('media: { ports: { first: 20000, last: 19999 } }'), [
    'media.ports: expected first (20000) to be at most last (19999)',
  ])
})

test('addresses are addresses, and those that carriers see are not wildcards', async () => {
  assert.deepEqual(await problems('sip: { address: sip.example }'), [
    'sip.address: expected an IP address, not a name, got "sip.example"',
  ])
  assert.deepEqual(await problems('media: { address: 0.0.0.0 }'), [
    'media.address: expected the address that carriers see, got 0.0.0.0',
  ])
  assert.deepEqual(await problems('api: { address: 1.2.3 }'), ['api.address: expected an IP address, not a name, got "1.2.3"'])
})

test('no error repeats a database URL, which may hold a password (F15)', async () => {
  const said = (await problems('databaseUrl: mysql://root:hunter2@db/x')).join()
  assert.match(said, /databaseUrl: expected a URL that begins with postgres:/)
  assert.doesNotMatch(said, /hunter2/)
})
