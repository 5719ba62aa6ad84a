import { spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { type Clock, confine, type Log, run, SYSTEM_PATH, sleep } from '#lib/index.ts'
import { type DeviceConfig, newKeyPair, parseUapi, UAPI_GET, uapiNetworks, uapiSet } from '#protocol/wireguard/index.ts'
import type { Libc, TunFormat } from './libc.ts'
import type { OpenTunnel } from './tunnel.ts'

export interface UserspaceOptions {
  libc: Libc
  clock: Clock
  log: Log
  /** The account that the program runs as. It parses the internet. */
  account: { name: string; uid: number; gid: number }
  /** A directory that this account sees as /run: its control sockets come to be in it. */
  directory: string
  /** The cgroup of all processes of this instance. */
  cgroup: string | null
}

/** Ms that wireguard-go may take to answer on its control socket. */
const START_MS = 5000
/** The longest answer that is read from it. */
const MAX_ANSWER_BYTES = 64 * 1024

/**
 * Tunnels by wireguard-go, one process each, with no capability but CAP_NET_ADMIN. We make the interface and hand its
 * descriptor over, so that the program needs no /dev/net/tun; its UDP socket is the node's.
 */
export function userspaceTunnels(options: UserspaceOptions): OpenTunnel {
  const { account, directory } = options
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chmodSync(directory, 0o700)
  chownSync(directory, account.uid, account.gid)

  let format: Promise<TunFormat> | null = null
  return async (request) => {
    format ??= tunFormat()
    const name = request.interface
    const path = join(directory, 'wireguard', `${name}.sock`)
    rmSync(path, { force: true })
    const { child, exited } = start(options, name, await format)
    let closing = false
    const died = new Promise<string>((resolve) => void exited.then((reason) => closing || resolve(reason)))
    const close = async () => {
      closing = true
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      const forced = options.clock.after(1000, () => child.kill('SIGKILL'), { keepAlive: true })
      await exited
      forced.cancel()
      rmSync(path, { force: true })
    }
    try {
      await answering(options.clock, path, exited)
      const configure = async (device: DeviceConfig) => void parseUapi(await ask(path, uapiSet(device)))
      await configure(request.device)
      await run('ip', ['link', 'set', name, 'mtu', String(request.mtu), 'netns', request.namespace])
      return {
        configure,
        reroute: async (change) => void parseUapi(await ask(path, uapiNetworks(change, newKeyPair().publicKey))),
        status: async () => parseUapi(await ask(path, UAPI_GET)),
        died,
        pid: child.pid ?? null,
        close,
      }
    } catch (error) {
      await close()
      throw error
    }
  }
}

/**
 * How the program takes packets from a descriptor that it is given: until 2022 each with a header of packet information,
 * from 2023 on with one for segmentation offload. It asks for neither, it expects it.
 */
async function tunFormat(): Promise<TunFormat> {
  const text = await run('wireguard-go', ['--version'])
  const year = Number(/v0\.0\.(\d{4})\d{4}/.exec(text)?.[1] ?? Number.POSITIVE_INFINITY)
  return year <= 2022 ? 'packet-information' : 'offload'
}

function start({ libc, account, directory, cgroup, log }: UserspaceOptions, name: string, format: TunFormat) {
  const tun = libc.openTun(name, format)
  const { program, args } = confine(
    {
      user: account.name,
      group: String(account.gid),
      capabilities: ['net_admin'],
      binds: [{ from: directory, to: '/run' }],
      cgroup,
    },
    ['wireguard-go', '--foreground', name],
  )
  try {
    const child = spawn(program, args, {
      cwd: '/',
      detached: true, // Ctrl-C on the terminal is for host
      env: { PATH: SYSTEM_PATH, LOG_LEVEL: 'error', WG_TUN_FD: '3', WG_PROCESS_FOREGROUND: '1' },
      stdio: ['ignore', 'pipe', 'pipe', tun],
    })
    let words = ''
    const listen = (text: string) => {
      words = text.trim().split('\n').at(-1)?.slice(0, 300) ?? ''
      if (words.startsWith('ERROR')) log.warn({ interface: name, text: words }, 'wireguard-go reported an error')
    }
    child.stdout?.setEncoding('utf8').on('data', listen)
    child.stderr?.setEncoding('utf8').on('data', listen)
    const exited = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(`wireguard-go could not be started: ${error.message}`))
      child.once('close', (code, signal) => resolve(`wireguard-go ended (${signal ?? code}): ${words}`))
    })
    return { child, exited }
  } finally {
    libc.close(tun)
  }
}

async function answering(clock: Clock, path: string, exited: Promise<string>): Promise<void> {
  const deadline = clock.now() + START_MS
  const ended = exited.then((reason) => {
    throw new Error(reason)
  })
  ended.catch(() => {})
  for (;;) {
    try {
      await Promise.race([ask(path, UAPI_GET), ended])
      return
    } catch (error) {
      if (!isAbsent(error) || clock.now() > deadline) throw error
    }
    await Promise.race([sleep(clock, 10), ended])
  }
}

function isAbsent(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ECONNREFUSED'
}

/** One request and its answer, which ends with an empty line. */
function ask(path: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path)
    let answer = ''
    const fail = (error: Error) => {
      socket.destroy()
      reject(error)
    }
    socket.setTimeout(3000, () => fail(new Error('wireguard-go does not answer')))
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write(request))
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('wireguard-go closed its control socket')))
    socket.on('data', (text: string) => {
      answer += text
      if (answer.length > MAX_ANSWER_BYTES) return fail(new Error('wireguard-go answers too much'))
      if (!answer.endsWith('\n\n')) return
      resolve(answer)
      socket.destroy()
    })
  })
}
