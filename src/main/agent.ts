/**
 * The first thing that runs in an agent's sandbox: reads what host hands in, loads the bundle's entry, gives it the way to
 * the switch. It imports nothing but Node, since every subscriber pays for it in memory, and since nothing of the platform
 * has to be in a sandbox. Host strips the types and binds the one file.
 */
import net from 'node:net'
import tls from 'node:tls'
import { pathToFileURL } from 'node:url'

/** What host says on the control pipe, a JSON object a line; the first line has the identity, a later one renews it. */
interface Orders {
  identity?: { certificate: string; key: string; ca: string; switchName: string }
  version?: string
  startedAt?: number
  /** A newer deployment takes the new calls: finish those that are up, then go. */
  drain?: true
}

/** What is told to host. */
interface Report {
  state: 'connected' | 'disconnected' | 'drained' | 'failed'
  reason?: string
}

/** What the default export of the entry must be: an agent of @tieline/agent, of this release or one beside it. */
interface Startable {
  start(surroundings: {
    connect(): tls.TLSSocket
    audio(socket: string): net.Socket
    facts: { version: string; startedAt: number }
    onState(state: 'connected' | 'disconnected', reason: string): void
  }): { drained(): Promise<void>; close(): void }
}

const { TIELINE_ENTRY = '', TIELINE_LINK = '', TIELINE_CONTROL = '3' } = process.env
for (const name of ['TIELINE_ENTRY', 'TIELINE_LINK', 'TIELINE_CONTROL']) delete process.env[name]

const control = new net.Socket({ fd: Number(TIELINE_CONTROL), readable: true, writable: true })
const report = (what: Report) => void control.write(`${JSON.stringify(what)}\n`)

let session: ReturnType<Startable['start']> | null = null
let context: tls.SecureContext
let switchName = ''

function die(sentence: string, error: unknown): void {
  console.error(sentence, error)
  const reason = `${sentence} ${error instanceof Error ? error.message : String(error)}`.slice(0, 500)
  // What is written to the pipe has left when the callback comes; a host that reads nothing may not keep us.
  setTimeout(() => process.exit(1), 500)
  control.write(`${JSON.stringify({ state: 'failed', reason } satisfies Report)}\n`, () => process.exit(1))
}

process.on('uncaughtException', (error, origin) => {
  // A verb that nobody awaited, on a call whose caller has hung up: the program need not die of it.
  const name = error instanceof Error ? error.name : ''
  if (origin === 'unhandledRejection' && (name === 'CallGone' || name === 'Interrupted')) {
    console.error('a verb that was not awaited was too late:', error.message)
  } else die('the agent dies of an uncaught exception:', error)
})

function take(orders: Orders): void {
  if (orders.identity) {
    const { certificate, key, ca } = orders.identity
    context = tls.createSecureContext({ cert: certificate, key, ca, minVersion: 'TLSv1.3' })
    switchName = orders.identity.switchName
  }
  if (orders.version !== undefined) void load(orders.version, orders.startedAt ?? 0)
  if (orders.drain) {
    const drained = () => {
      report({ state: 'drained' })
      session?.close()
    }
    session ? void session.drained().then(drained) : drained()
  }
}

async function load(version: string, startedAt: number): Promise<void> {
  try {
    const program = ((await import(pathToFileURL(TIELINE_ENTRY).href)) as { default?: Partial<Startable> }).default
    if (typeof program?.start !== 'function') throw new Error("the entry's default export is not an agent of @tieline/agent")
    session = program.start({
      connect: () => tls.connect({ path: TIELINE_LINK, secureContext: context, servername: switchName }),
      // Beside the link, and named by the switch: the token that it gives with the name opens it.
      audio: (socket) => net.connect(TIELINE_LINK.replace(/[^/]*$/, socket)),
      facts: { version, startedAt },
      onState: (state, reason) => report({ state, reason }),
    })
  } catch (error) {
    die('the agent could not be loaded:', error)
  }
}

let unread = ''
control.setEncoding('utf8')
control.on('data', (text: string) => {
  const lines = (unread + text).split('\n')
  unread = lines.pop() ?? ''
  for (const line of lines) take(JSON.parse(line))
})
// Host is gone, or wants us gone.
control.on('end', () => process.exit(0))
control.on('error', () => process.exit(1))
