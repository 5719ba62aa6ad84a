import { createSocket } from 'node:dgram'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { agent } from '@tieline/agent'

// An agent that tries to get out: it knocks at everything that it is told of, looks round, and prints what answered.
const targets = JSON.parse(readFileSync(new URL('./targets.json', import.meta.url), 'utf8'))
const PATIENCE_MS = 1000
const AT_ONCE = 64

function knockTcp({ address, port }) {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port })
    const end = (result) => {
      socket.destroy()
      resolve(result)
    }
    socket.setTimeout(PATIENCE_MS, () => end('nothing'))
    socket.on('connect', () => end('connected'))
    socket.on('error', (error) => end(error.code))
  })
}

function knockUdp({ address, port, payload }) {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    const end = (result) => {
      clearTimeout(timer)
      socket.close()
      resolve(result)
    }
    const timer = setTimeout(() => end('nothing'), PATIENCE_MS)
    socket.on('message', (answer) => end(`answered ${answer.toString('latin1').slice(0, 400)}`))
    socket.on('error', (error) => end(error.code))
    // Connected, so that a closed port is told from one that is silent.
    socket.connect(port, address, (error) => {
      if (error) end(error.code)
      else socket.send(Buffer.from(payload, 'base64'), () => {})
    })
  })
}

function look(path, use) {
  try {
    return use(path)
  } catch (error) {
    return error.code
  }
}

function surroundings() {
  const status = readFileSync('/proc/self/status', 'utf8')
  return {
    processes: readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length,
    capabilities: /CapEff:\s*(\S+)/.exec(status)?.[1],
    noNewPrivileges: /NoNewPrivs:\s*(\d)/.exec(status)?.[1],
    addresses: Object.values(networkInterfaces()).flatMap((list) => list.map(({ address }) => address)),
    root: readdirSync('/'),
    link: readdirSync('/tieline/run'),
    secrets: Object.fromEntries(targets.files.map((path) => [path, look(path, (p) => statSync(p) && 'there')])),
    writes: look('/agent/written', (p) => writeFileSync(p, '')) ?? 'written',
    environment: Object.keys(process.env),
  }
}

async function knock() {
  const queue = [...targets.knocks]
  const found = []
  const worker = async () => {
    for (let target = queue.shift(); target; target = queue.shift()) {
      const result = await (target.protocol === 'udp' ? knockUdp(target) : knockTcp(target))
      found.push({ name: target.name, protocol: target.protocol, address: target.address, port: target.port, result })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return found
}

/** A line each, since a log cuts what is too long. */
async function probe() {
  const said = ({ name, result }) => name || result.startsWith('answered') || result === 'connected'
  for (const found of (await knock()).filter(said)) console.log(`PROBE ${JSON.stringify(found)}`)
  console.log(`SURROUNDINGS ${JSON.stringify(surroundings())}`)
  console.log('PROBED')
}
probe().catch((error) => console.log('PROBED', error))

export default agent({
  /** Says again what it hears: the one thing of the platform's that it reaches beside its link. */
  async call(call) {
    const stream = await call.stream({ rate: 16000 })
    for await (const frame of stream) await stream.write(frame)
  },
})
