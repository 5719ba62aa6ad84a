import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { bundle } from '../../demo/bundle.ts'
import { chunksOf } from '../peer/hep.ts'
import { until } from '../peer/index.ts'
import { OfficeWorld } from './office-world.ts'

/** Prints each datagram in hexadecimal digits, once it has said that it listens. */
const HOMER = `
  const homer = require('node:dgram').createSocket('udp4')
  homer.on('message', (packet) => console.log(packet.toString('hex')))
  homer.bind(9060, '127.0.0.1', () => console.log(''))`

/** Says something of its call, of none, of one that is not its own; and throws. */
const PROGRAM = `import { agent } from '@tieline/agent'
export default agent({
  async call(call) {
    console.log('nobody is meant')
    console.log(\`of \${call.id}: looked up\`)
    console.log(\`another's: call_\${'0'.repeat(32)}\`)
    throw new Error('no such customer')
  },
})
`

test('O03 Homer is told what an agent prints of a call of its own, under the call’s id, and nothing else of it', async () => {
  const hep = { address: '127.0.0.1', port: 9060, captureId: 77 }
  await using office = await OfficeWorld.open({ offices: ['acme'], settings: { hep } })
  const { world, platform } = office
  const homer = world.node.spawn([process.execPath, '-e', HOMER])
  const packets: Map<number, Buffer>[] = []
  let listens = false
  createInterface({ input: homer.stdout! }).on('line', (line) => {
    if (line === '') listens = true
    else packets.push(chunksOf(Buffer.from(line, 'hex')))
  })
  try {
    await until('Homer', () => listens, 5000)
    const folder = join(world.directory, 'program')
    mkdirSync(folder)
    writeFileSync(join(folder, 'index.js'), PROGRAM)
    const dependencies = { '@tieline/agent': '*' }
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'says', type: 'module', main: 'index.js', dependencies }))
    await platform.cli('agent', 'deploy', 'acme', bundle(folder, join(world.directory, 'bundle')), '--wait')
    await office.call(0)
    const [call] = await until(
      'the call',
      async () => (await platform.api<{ items: { id: string }[] }>('GET', '/v1/calls')).items,
      5000,
    )
    const printed = () =>
      packets
        .filter((chunks) => chunks.get(11)?.[0] === 100)
        .map((chunks) => ({ under: String(chunks.get(17)), ...JSON.parse(String(chunks.get(15))) }))
        .filter(({ process }) => process === 'agent')
    await until('what it threw', () => printed().some(({ text }) => text.includes('no such customer')), 10_000)
    assert.deepEqual(
      printed().map(({ under, text, message }) => [under, text, message]),
      [
        [call!.id, `of ${call!.id}: looked up`, 'an agent printed'],
        [call!.id, `the function for ${call!.id} threw: Error: no such customer`, 'an agent printed'],
      ],
    )
  } finally {
    homer.kill('SIGKILL')
  }
})
