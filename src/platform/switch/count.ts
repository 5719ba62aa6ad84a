import type { Metric } from '#platform/words/index.ts'

const KNOWN = new Set([
  ...['INVITE', 'ACK', 'BYE', 'CANCEL', 'OPTIONS', 'INFO', 'UPDATE', 'PRACK', 'REFER', 'NOTIFY'],
  ...['REGISTER', 'SUBSCRIBE', 'MESSAGE', 'PUBLISH'],
])

/** How many there were of one kind. */
class Counts {
  readonly #counts = new Map<string | number, { n: number }>()

  add(what: string | number): void {
    const count = this.#counts.get(what)
    if (count) count.n += 1
    else this.#counts.set(what, { n: 1 })
  }

  samples(direction: string, label: string): Metric['samples'] {
    return [...this.#counts].map(([what, { n }]) => ({ labels: { direction, [label]: String(what) }, value: n }))
  }
}

/** Counts the SIP messages of all realms. What a far end can choose makes no new label. */
export class MessageCount {
  readonly #requests = { in: new Counts(), out: new Counts() }
  readonly #responses = { in: new Counts(), out: new Counts() }
  #sentAgain = 0

  /** A message on the wire, by its method or its status; `again` where it has left before. */
  see(direction: 'in' | 'out', is: string | number, again: boolean): void {
    if (typeof is === 'string') this.#requests[direction].add(KNOWN.has(is) ? is : 'other')
    else this.#responses[direction].add(is >= 100 && is <= 699 ? is : 'other')
    if (again) this.#sentAgain += 1
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

function counter(name: string, help: string, label: string, counts: { in: Counts; out: Counts }): Metric {
  return { name, help, type: 'counter', samples: [...counts.in.samples('in', label), ...counts.out.samples('out', label)] }
}
