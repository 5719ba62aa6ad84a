import { chmodSync, rmSync } from 'node:fs'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import type { Answers, Handlers, Hears, LinkTypes, Listeners } from './contract.ts'
import { listenerMap, methodMap } from './handlers.ts'
import { Link, type LinkSettings } from './link.ts'

export interface ServeOptions<T extends LinkTypes> extends LinkSettings {
  /** A Unix socket's pathname; one that a former process has left is replaced. */
  path?: string
  /** Access to the pathname; default 0660. */
  mode?: number
  /** Instead of a plain one: a TLS server, or one that already listens. */
  server?: net.Server | tls.Server
  methods?: Handlers<Answers<T>, T>
  onNotification?: Listeners<Hears<T>, T>
  /** A peer has said hello. Throwing a TielineError refuses it, and it is told the message. */
  onPeer?(peer: Link<T>): void
}

export interface LinkServer<T extends LinkTypes> extends AsyncDisposable {
  /** Links that are open. */
  readonly peers: ReadonlySet<Link<T>>
  /** Stops to listen and closes every link. */
  close(): Promise<void>
}

/** Listens for links. Resolves once it can be reached. */
export async function serveLink<T extends LinkTypes>(options: ServeOptions<T>): Promise<LinkServer<T>> {
  const server = options.server ?? net.createServer()
  const peers = new Set<Link<T>>()
  const links = new Set<Link<T>>()
  const methods = methodMap(options.methods)
  const listeners = listenerMap(options.onNotification)
  const onOpen = (link: Link<T>) => {
    options.onPeer?.(link)
    peers.add(link)
  }
  const accept = (stream: Duplex) => {
    const link = new Link<T>({ ...options, stream, pings: true, methods, listeners, onOpen })
    links.add(link)
    void link.closed.then((lost) => {
      peers.delete(link)
      links.delete(link)
      if (lost.reason !== 'closed' && lost.reason !== 'ended') options.log.warn({ reason: lost.reason }, 'a link was lost')
    })
  }
  server.on(server instanceof tls.Server ? 'secureConnection' : 'connection', accept)
  if (options.path !== undefined) await listenAt(server, options.path, options.mode ?? 0o660)

  const close = async () => {
    for (const link of links) link.close()
    if (!server.listening) return
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return { peers, close, [Symbol.asyncDispose]: close }
}

async function listenAt(server: net.Server, path: string, mode: number): Promise<void> {
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // Until here only this user could connect: the umask leaves nobody else the right to write.
  chmodSync(path, mode)
}
