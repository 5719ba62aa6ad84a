import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'

/** The name servers of a resolv.conf, in its order (resolv.conf(5)); three at most, as everyone takes them. */
export function nameServers(text: string): string[] {
  const servers = text.split('\n').flatMap((line) => {
    const [, address = ''] = /^\s*nameserver\s+(\S+)/.exec(line) ?? []
    return isIP(address) === 0 ? [] : [address]
  })
  return servers.slice(0, 3)
}

/** The name servers that a file says, read again when it has changed. A file that can't be read says nothing new. */
export function nameServersOf(file: string): () => readonly string[] {
  let servers: readonly string[] = []
  let readAt = Number.NaN
  return () => {
    try {
      const { mtimeMs } = statSync(file)
      if (mtimeMs !== readAt) servers = nameServers(readFileSync(file, 'utf8'))
      readAt = mtimeMs
    } catch {
      // As it was.
    }
    return servers
  }
}
