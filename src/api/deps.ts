import type { BundleShelf, InstallDeps } from '#journeys/install/index.ts'
import type { Watch } from '#journeys/watch/index.ts'
import type { Clock, Log } from '#lib/index.ts'
import type { EventReader } from '#platform/cti/index.ts'
import type { RecordingShelf } from '#platform/recording/index.ts'
import type { HostMethods, SwitchMethods } from '#platform/words/index.ts'

type Params<M, K extends keyof M> = M[K] extends { params: infer P } ? P : never
type Result<M, K extends keyof M> = M[K] extends { result: infer R } ? R : never

/** A link's calls, for as much of it as the API asks. Rejects with `link-lost` while the process is away. */
export interface Calls<M> {
  call<K extends keyof M>(method: K, params: Params<M, K>, options?: { timeoutMs?: number }): Promise<Result<M, K>>
}

/** What a POST with an Idempotency-Key finds. */
export type Beginning =
  | { found: 'nothing' }
  | { found: 'answer'; status: number; body: string }
  | { found: 'busy' }
  | { found: 'other' }

export interface RequestMark {
  scope: string
  key: string
  fingerprint: string
}

/** Remembers POSTs and their answers. */
export interface RequestMemory {
  begin(mark: RequestMark): Promise<Beginning>
  end(mark: RequestMark, status: number, body: string): Promise<void>
  forget(mark: RequestMark): Promise<void>
}

/** Tells when events have been taken in. */
export interface EventFeed {
  subscribe(wake: () => void): () => void
}

export interface ApiDeps {
  /** The journeys' own: store, publisher, host's settle, clock. */
  install: InstallDeps & { bundles: BundleShelf }
  events: EventReader
  feed: EventFeed
  recordings: RecordingShelf
  requests: RequestMemory
  host: Calls<HostMethods>
  switch: Calls<SwitchMethods>
  /** Looks at the node, and knows what the operator must be told. */
  watch: Pick<Watch, 'look' | 'board'>
  /** What is there right now. */
  health(): { database: boolean; host: boolean; switch: boolean; publication: number }
  clock: Clock
  log: Log
}
