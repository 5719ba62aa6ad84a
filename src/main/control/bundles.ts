import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { BundleShelf } from '#journeys/install/index.ts'
import { unpackBundle } from '#platform/agent/index.ts'

/** Bundles below one directory by the SHA-256 of their tarball; every agent's uid can read them. */
export function bundleShelf(directory: string): BundleShelf {
  return {
    async put(digest, tarball) {
      await mkdir(directory, { recursive: true })
      const path = join(directory, digest)
      return { path, ...(await unpackBundle(tarball, path)) }
    },
  }
}
