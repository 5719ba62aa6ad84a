import type { Clock } from '#lib/index.ts'
import type { Sealer } from '#platform/subscriber/index.ts'
import { type Beginning, beginRequest, endRequest, forgetRequest, type RequestMark } from './idempotency.ts'
import type { Store } from './store.ts'

/** Remembers POSTs and their answers for a day. `boot` tells this run of the process from earlier ones. */
export function requestMemory(store: Store, { sealer, clock, boot }: { sealer: Sealer; clock: Clock; boot: string }) {
  return {
    begin: (mark: RequestMark): Promise<Beginning> =>
      store.transaction('platform', (tx) => beginRequest(tx, sealer, mark, boot, new Date(clock.wall()))),
    end: (mark: RequestMark, status: number, body: string): Promise<void> =>
      store.transaction('platform', (tx) => endRequest(tx, sealer, mark, status, body)),
    forget: (mark: RequestMark): Promise<void> => store.transaction('platform', (tx) => forgetRequest(tx, mark)),
  }
}
