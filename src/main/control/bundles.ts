import { mkdir } from 'node:fs/promises'
import type { BundleShelf } from '#journeys/install/index.ts'

export function bundleShelf(directory: string): BundleShelf {
  return {
    async put() {
      await mkdir(directory, { recursive: true })
      throw new Error('not yet')
    },
  }
}
