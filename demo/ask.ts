import type { PlatformEvent } from '#platform/words/index.ts'
import { type CallReport, now, type SipPeer, until } from '../test/peer/index.ts'
import type { Stage } from './stage.ts'

/** The number of a subscriber's newest event. */
export async function newest(stage: Stage, subscriber: string): Promise<number> {
  return (await stage.platform.events(subscriber)).at(-1)?.number ?? 0
}

/** Waits for an event that is newer than `after` and fits. */
export function eventually(
  stage: Stage,
  subscriber: string,
  after: number,
  what: string,
  fits: (event: PlatformEvent) => boolean,
  timeoutMs = 5000,
): Promise<PlatformEvent> {
  const look = async () => (await stage.platform.events(subscriber, after)).find(fits)
  return until(`the event ${what} of ${subscriber}`, look, timeoutMs, 100)
}

/** Waits until no call is up any more. */
export async function quiet(stage: Stage, timeoutMs = 10_000): Promise<void> {
  await until('all calls to be over', async () => (await stage.platform.calls()).length === 0, timeoutMs, 100)
}

/** One end of a call: who it is at, and under which name there. */
export interface End {
  peer: SipPeer
  call: string
}

export function reportOf({ peer, call }: End): Promise<CallReport> {
  return peer.report(call)
}

/** What an end has heard since a moment, without the first 100 ms, which may hold the end of what was before. */
export function heardSince(report: CallReport, since: number): unknown[] {
  return (report.media?.heard ?? []).filter((h) => h.at > since + 100).map((h) => h.what)
}

/** Waits until an end has heard this frequency alone for half a second. */
export function hears(end: End, frequency: number, timeoutMs = 6000): Promise<unknown> {
  return until(
    `${frequency} Hz at ${end.peer.name}`,
    async () => {
      const last = (await reportOf(end)).media!.heard.slice(-5)
      return last.length === 5 && last.every((h) => h.what === frequency)
    },
    timeoutMs,
    50,
  )
}

/** Whether both ends hear each other, and only each other, for `ms` from now on. Answers with what each has heard. */
export async function listen(a: End, b: End, ms = 1000): Promise<[unknown[], unknown[]]> {
  const since = now()
  await until('the time to listen to pass', () => now() - since > ms, ms + 1000)
  const [first, second] = await Promise.all([reportOf(a), reportOf(b)])
  return [[...new Set(heardSince(first, since))], [...new Set(heardSince(second, since))]]
}
