import { spawn } from 'node:child_process'
import { namespacePath } from '#platform/channel/index.ts'
import { inside, until } from './channel-world.ts'

/** Echoes datagrams at argv[1] and streams at 8080 of every address. */
const ECHO = `
const udp = require('node:dgram').createSocket('udp4')
udp.on('message', (bytes, from) => udp.send(bytes, from.port, from.address))
udp.bind(+process.argv[1], () => require('node:net').createServer((s) => s.pipe(s)).listen(8080, () => console.log('ready')))`

/** Sends datagrams of these sizes and 60 kB over TCP to the echo at argv[1] and argv[2]; prints what came back whole. */
const ASK = `
const [host, port] = process.argv.slice(1)
const crypto = require('node:crypto')
const back = (size) => new Promise((resolve) => {
  const udp = require('node:dgram').createSocket('udp4')
  const sent = crypto.randomBytes(size)
  const timer = setTimeout(() => (udp.close(), resolve('lost')), 3000)
  udp.on('message', (bytes) => (clearTimeout(timer), udp.close(), resolve(bytes.equals(sent) ? 'whole' : 'cut')))
  udp.send(sent, +port, host)
})
const stream = () => new Promise((resolve) => {
  const sent = crypto.randomBytes(60000)
  const parts = []
  const tcp = require('node:net').connect(8080, host, () => tcp.end(sent))
  const timer = setTimeout(() => (tcp.destroy(), resolve('lost')), 6000)
  tcp.on('data', (part) => parts.push(part)).on('error', (e) => resolve(e.code))
  tcp.on('end', () => (clearTimeout(timer), resolve(Buffer.concat(parts).equals(sent) ? 'whole' : 'cut')))
})
;(async () => console.log(JSON.stringify([await back(200), await back(3000), await back(9000), await stream()])))()`

/** Runs the echo in a namespace until it is disposed of. */
export async function echoIn(namespace: string, port = 5060): Promise<Disposable> {
  const child = spawn('nsenter', [`--net=${namespacePath(namespace)}`, '--', process.execPath, '-e', ECHO, String(port)])
  let said = ''
  child.stdout.on('data', (part) => {
    said += part
  })
  await until('the echo to listen', () => said.includes('ready'))
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

/** `whole`, `cut` or `lost` for datagrams of 200, 3000 and 9000 bytes and a stream of 60 kB, from a namespace to the echo and back. */
export async function askEcho(from: string, host: string, port = 5060): Promise<string[]> {
  return JSON.parse(await inside(from, process.execPath, '-e', ASK, host, String(port)))
}
