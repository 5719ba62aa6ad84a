import type { Socket } from 'node:net'
import { join } from 'node:path'
import { type HostLink, type HostMethodsParts, hostMethods, type Peer } from '#journeys/reconcile/index.ts'
import type { Log } from '#lib/index.ts'
import type { Libc } from '#platform/channel/index.ts'
import { LINKS, LONGEST_LINE } from '#platform/words/index.ts'
import { type Link, type LinkServer, serveLink } from '#protocol/link/index.ts'
import type { Children } from './children.ts'

export interface HostLinkOptions {
  run: string
  libc: Libc
  children: Children
  log: Log
  methods: Omit<HostMethodsParts, 'peerOf'>
  onSwitch(link: Link<HostLink>): void
}

/** Serves the link on which control publishes, and voice asks for sockets. */
export async function serveHost(options: HostLinkOptions): Promise<LinkServer<HostLink>> {
  const { run, libc, children, log, methods, onSwitch } = options
  const peerOf = (stream: Socket): Peer | null => {
    // The kernel says who connected; what a process says of itself counts for nothing here.
    const { pid, uid } = libc.peerOf((stream as Socket & { _handle: { fd: number } })._handle.fd)
    const name = children.nameOf(pid)
    if (name) return { name, receiver: children.receiver(name) }
    return uid === 0 ? { name: 'root', receiver: null } : null
  }
  const path = join(run, LINKS.host)
  return await serveLink<HostLink>({
    path,
    mode: 0o660,
    hello: { process: 'host', version: 1 },
    maxLineBytes: LONGEST_LINE,
    log,
    onPeer(link) {
      if (peerOf(link.stream as Socket)?.name === 'switch') onSwitch(link)
    },
    methods: hostMethods({ ...methods, peerOf: ({ link }) => peerOf(link.stream as Socket) }),
  })
}
