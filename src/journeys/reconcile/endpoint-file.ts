import { readFileSync } from 'node:fs'
import type { Id, Log } from '#lib/index.ts'
import type { SiteEndpoints } from '#platform/channel/index.ts'
import { replaceFile } from '#platform/node/index.ts'

/** Where each site was seen last, kept over a restart of the platform: it calls the sites instead of waiting for them. */
export function endpointFile(path: string, log: Log): SiteEndpoints {
  const known = new Map<Id<'sub'>, string>(read(path))
  return {
    get: (subscriber) => known.get(subscriber),
    set(subscriber, endpoint) {
      if ((known.get(subscriber) ?? null) === endpoint) return
      if (endpoint === null) known.delete(subscriber)
      else known.set(subscriber, endpoint)
      try {
        replaceFile(path, JSON.stringify([...known]))
      } catch (error) {
        log.warn({ error: (error as Error).message }, 'the addresses of the sites could not be kept')
      }
    },
  }
}

/** What cannot be read is not missed: the sites call by themselves, later. */
function read(path: string): [Id<'sub'>, string][] {
  try {
    const entries: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return Array.isArray(entries) ? entries : []
  } catch {
    return []
  }
}
