import type { Metric, SeenMessage } from '#platform/words/index.ts'

const KNOWN = new Set([
  ...['INVITE', 'ACK', 'BYE', 'CANCEL', 'OPTIONS', 'INFO', 'UPDATE', 'PRACK', 'REFER', 'NOTIFY'],
  ...['REGISTER', 'SUBSCRIBE', 'MESSAGE', 'PUBLISH'],
])

/** Counts the SIP messages of all realms. What a far end can choose makes no new label. */
export class MessageCount {
  readonly #requests = new Map<string, number>()
  readonly #responses = new Map<string, number>()
  /** What has left before: a message that is sent again is the same bytes. */
  readonly #sent = new WeakSet<Uint8Array>()
  #sentAgain = 0

  /** A message on the wire. */
  see({ direction, is, bytes }: SeenMessage): void {
    const counts = typeof is === 'string' ? this.#requests : this.#responses
    const what = typeof is === 'string' ? (KNOWN.has(is) ? is : 'other') : is >= 100 && is <= 699 ? String(is) : 'other'
    const key = `${direction} ${what}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
    if (direction === 'in') return
    if (this.#sent.has(bytes)) this.#sentAgain += 1
    else this.#sent.add(bytes)
  }

  /** `repeats`: messages that came again. */
  metrics(repeats: number): Metric[] {
    return [
      counter('tieline_sip_requests_total', 'SIP requests, repeats included', 'method', this.#requests),
      counter('tieline_sip_responses_total', 'SIP responses by status, repeats included', 'code', this.#responses),
      {
        name: 'tieline_sip_retransmissions_total',
        help: 'SIP messages sent or received once more',
        type: 'counter',
        samples: [
          { labels: { direction: 'out' }, value: this.#sentAgain },
          { labels: { direction: 'in' }, value: repeats },
        ],
      },
    ]
  }
}

function counter(name: string, help: string, label: string, counts: ReadonlyMap<string, number>): Metric {
  const samples = [...counts].map(([key, value]) => {
    const [direction = '', what = ''] = key.split(' ')
    return { labels: { direction, [label]: what }, value }
  })
  return { name, help, type: 'counter', samples }
}
