import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { PlatformEvent } from '#platform/words/index.ts'
import { Client } from '../../src/main/cli/client.ts'
import { type Bench, COMPILED, eventRecord, type InstalledBody, installed, journal, startBench, until } from './bench.ts'

const CLI = fileURLToPath(new URL('../../src/main/cli.ts', import.meta.url))

let bench: Bench
let acme: InstalledBody
/** Events so far. */
let made = 0

before(async () => {
  bench = await startBench()
  acme = await installed(bench, 'acme', '+3225550101')
})
after(() => bench?.[Symbol.asyncDispose]())

/** So many events more, of some 2.5 kB each. Resolves when they can be read. */
async function happen(events: number): Promise<void> {
  const data = { filler: 'x'.repeat(2000) }
  for (let i = 0; i < events; i++) journal(bench, eventRecord(acme.subscriber.id, ++made, { data }))
  await until('the journal', () => bench.fakes.shipped === bench.fakes.journal.at(-1)!.position, 20_000)
  // What has been taken in is not read again.
  bench.fakes.journal.splice(0, bench.fakes.journal.length - 1)
}

const numbers = (to: number) => Array.from({ length: to }, (_, i) => i + 1)

test('C03 a reader of events whose process stands still, without a FIN, costs nobody anything, and has all when it goes on', async (t) => {
  const env = { ...COMPILED, TIELINE_URL: bench.control.url, TIELINE_KEY: acme.apiKey }
  const args = [CLI, 'event', 'tail', '--after', '0', '--json']
  const reader = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => reader.kill('SIGKILL'))
  const gone = once(reader, 'exit')
  const read: number[] = []
  createInterface({ input: reader.stdout }).on('line', (line) => read.push((JSON.parse(line) as PlatformEvent).number))
  await happen(1)
  await until('the first', () => read.length === 1)
  reader.kill('SIGSTOP')
  // More than all buffers between the two hold.
  for (let i = 0; i < 16; i++) await happen(300)
  const other = await bench.api<{ items: PlatformEvent[] }>('GET', `/v1/events?subscriber=acme&after=${made - 1}`)
  assert.equal(other.body.items.length, 1, 'others read as ever')
  assert.ok(read.length < made, `${read.length} were read while it stood still`)
  reader.kill('SIGCONT')
  await until('the rest', () => read.length >= made, 30_000)
  assert.deepEqual(read, numbers(made))
  reader.kill('SIGINT')
  assert.deepEqual(await gone, [0, null])
})

/** A way to the API whose connections can be made to stand still, without an end. */
async function road() {
  const sockets: net.Socket[] = []
  const server = net.createServer((near) => {
    const { hostname, port } = new URL(bench.control.url)
    const far = net.connect(Number(port), hostname)
    sockets.push(near, far)
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    freeze() {
      for (const socket of sockets) {
        socket.unpipe()
        socket.pause()
      }
    },
    get connections() {
      return sockets.length / 2
    },
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

test('C03 a stream that says nothing any more, not even its beats, is opened again behind the last event: no gap, nothing twice', async (t) => {
  const way = await road()
  t.after(() => way.close())
  const client = new Client(async () => ({ url: way.url, key: acme.apiKey }))
  const stopped = new AbortController()
  const read: number[] = []
  const from = made
  const reading = (async () => {
    // Two beats of the server are 10 s; here 700 ms are enough to know.
    for await (const event of client.stream<PlatformEvent>('/v1/events/stream', stopped.signal, 700)) read.push(event.number)
  })().catch(() => {})
  await until('the connection', () => way.connections === 1)
  await new Promise((resolve) => setTimeout(resolve, 300))
  way.freeze()
  await happen(50)
  await until('what it has missed', () => read.length >= 50, 10_000)
  assert.ok(way.connections >= 2)
  await happen(1)
  await until('what comes', () => read.length === 51, 10_000)
  assert.deepEqual(
    read,
    numbers(51).map((n) => from + n),
  )
  stopped.abort()
  await reading
})
