import type { Metric } from '#platform/words/index.ts'

const METHODS = [
  ...['INVITE', 'ACK', 'BYE', 'CANCEL', 'OPTIONS', 'INFO', 'UPDATE', 'PRACK', 'REFER', 'NOTIFY'],
  ...['REGISTER', 'SUBSCRIBE', 'MESSAGE', 'PUBLISH'],
]
/** Statuses begin there, and what is none is counted as 0. */
const FIRST_STATUS = 100
const OTHER = 0

/** How many messages there were in one direction. What a far end can choose makes no new label. */
class Counts {
  readonly #requests = new Map([...METHODS, 'other'].map((method) => [method, { n: 0 }]))
  readonly #others = this.#requests.get('other')!
  /** By status, up to 699. */
  readonly #responses = new Float64Array(700)

  see(is: string | number): void {
    if (typeof is === 'string') (this.#requests.get(is) ?? this.#others).n += 1
    else this.#responses[is >= FIRST_STATUS && is < this.#responses.length ? is : OTHER]! += 1
  }

  requests(direction: string): Metric['samples'] {
    return [...this.#requests].flatMap(([method, { n }]) => (n > 0 ? [{ labels: { direction, method }, value: n }] : []))
  }

  responses(direction: string): Metric['samples'] {
    return [...this.#responses.entries()].flatMap(([status, n]) =>
      n > 0 ? [{ labels: { direction, code: status === OTHER ? 'other' : String(status) }, value: n }] : [],
    )
  }
}

/** Counts the SIP messages of all realms. */
export class MessageCount {
  readonly #in = new Counts()
  readonly #out = new Counts()
  #sentAgain = 0

  /** One that has come, by its method or its status. */
  came(is: string | number): void {
    this.#in.see(is)
  }

  /** One that leaves; `again` where it has left before. */
  left(is: string | number, again: boolean): void {
    this.#out.see(is)
    if (again) this.#sentAgain += 1
  }

  /** `repeats`: messages that came again. */
  metrics(repeats: number): Metric[] {
    return [
      {
        name: 'tieline_sip_requests_total',
        help: 'SIP requests, repeats included',
        type: 'counter',
        samples: [...this.#in.requests('in'), ...this.#out.requests('out')],
      },
      {
        name: 'tieline_sip_responses_total',
        help: 'SIP responses by status, repeats included',
        type: 'counter',
        samples: [...this.#in.responses('in'), ...this.#out.responses('out')],
      },
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
