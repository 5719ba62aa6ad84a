import type { CallCause } from '#platform/words/index.ts'
import type { Hop } from '#protocol/sip/index.ts'

/** Servers whose reasons are told; of more, that there are more. */
const MOST_TOLD = 8

/** Why each of a road's servers does not serve: when there is no other left, all of them say why there is no call (PITFALLS O04). */
export class Vain {
  readonly #reasons: string[] = []

  add({ transport, address, port }: Hop, { status }: { status: number | null }): void {
    const at = `${transport === 'udp' ? '' : `${transport}:`}${address}:${port}`
    this.#reasons.push(status === null ? `${at} said nothing` : `${at} said ${status}`)
  }

  /** The cause of the last server, with the reasons of all where there are several, or others that DNS does not tell. */
  explain(cause: CallCause, untold: readonly string[]): CallCause {
    const reasons = [...this.#reasons, ...untold]
    if (reasons.length < 2 || this.#reasons.length === 0) return cause
    const more = reasons.length > MOST_TOLD ? [`and ${reasons.length - MOST_TOLD} more`] : []
    return { ...cause, text: [cause.text, ...reasons.slice(0, MOST_TOLD), ...more].filter(Boolean).join('; ') }
  }
}
