/** Owns a world until it is ended: prints the world's id, and waits. */
import { World } from './index.ts'

const world = await World.open({
  watched: [],
  offices: [{ name: 'acme', publicAddress: '203.0.113.21', tone: 700, customers: [] }],
})
await world.populate()
process.on('SIGINT', async () => {
  await world[Symbol.asyncDispose]()
  process.exit(130)
})
process.stdout.write(`${world.id}\n`)
setInterval(() => {}, 60_000)
