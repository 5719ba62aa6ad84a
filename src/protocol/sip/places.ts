import { type Dialog, nextPlace } from './dialog.ts'
import type { Hop, UserAgentOptions } from './types.ts'

/** Ms for which a name that DNS did not tell is not asked for again: each of a dialog's requests would wait for it. */
const UNTOLD_MS = 30_000

/** Servers of a name that one request tries, the one where the dialog is among them; more would hold it for minutes. */
const MOST_PLACES = 8

/** Where the requests of one user agent's dialogs go (RFC 3261 §8.1.2, RFC 3263 §4). */
export class Places {
  readonly #options: UserAgentOptions
  /** Where the names of dialogs led last. */
  readonly #named = new WeakMap<Dialog, readonly Hop[]>()
  /** Until when DNS is not asked again for a dialog whose name it did not tell, monotonic ms. */
  readonly #untold = new WeakMap<Dialog, number>()
  /** What was asked for last, which is asked for several times in a row. */
  #last: { dialog: Dialog; hop: Hop; target: string | undefined; place: ReturnType<typeof nextPlace> } | null = null

  constructor(options: UserAgentOptions) {
    this.#options = options
  }

  /** As far as that is known without asking: for a name it is where the dialog came about. */
  nextHop(dialog: Dialog): Hop {
    const place = this.#nextPlace(dialog)
    return place && 'address' in place && this.#reaches(place, dialog.hop) ? place : dialog.hop
  }

  #nextPlace(dialog: Dialog): ReturnType<typeof nextPlace> {
    const { hop } = dialog
    const target = dialog.routeSet[0] ?? dialog.remoteTarget
    const last = this.#last
    if (last && last.dialog === dialog && last.hop === hop && last.target === target) return last.place
    const place = isThere(target, hop) ? null : nextPlace(dialog)
    this.#last = { dialog, hop, target, place }
    return place
  }

  /**
   * The only one, or all of a name's, at least one. A name's server where the dialog came about goes first, since it knows of it; where DNS tells nothing
   * that may be gone to, it is the only one, and the last resort else.
   */
  of(dialog: Dialog): Hop | Promise<readonly Hop[]> {
    const { hop } = dialog
    const place = this.#nextPlace(dialog)
    const { locate } = this.#options
    const known = !place || 'address' in place || !locate
    if (known || this.#options.clock.now() < (this.#untold.get(dialog) ?? 0)) return this.nextHop(dialog)
    return locate(place, hop).then(
      (servers) => {
        const { flow: _flow, bound: _bound, ...like } = hop
        const found = servers.map((server): Hop => ({ ...like, ...server, name: place.name }))
        const reached = found.filter((server) => !same(server, hop) && this.#reaches(server, hop)).slice(0, MOST_PLACES - 1)
        const known = servers.some((server) => same(server, hop))
        const places = known ? [hop, ...reached] : [...reached, hop]
        this.#named.set(dialog, places)
        return places
      },
      () => {
        this.#untold.set(dialog, this.#options.clock.now() + UNTOLD_MS)
        return [hop]
      },
    )
  }

  /**
   * Whether a request inside the dialog may come from there (PITFALLS F04): from the address where the dialog came about,
   * from one that our own requests go to, or from what the product says belongs to the former.
   */
  isPeer(dialog: Dialog, source: Hop): boolean {
    const { address } = source
    if (address === dialog.hop.address || address === this.nextHop(dialog).address) return true
    if (this.#named.get(dialog)?.some((hop) => hop.address === address)) return true
    return this.#options.belongs?.(source, dialog.hop) === true
  }

  #reaches(to: Hop, like: Hop): boolean {
    return to.address === like.address || this.#options.reaches?.(to, like) !== false
  }
}

/** Whether it is plain that a URI leads to `hop`, as nearly every Contact does. */
function isThere(uri: string, { address, port, transport }: Hop): boolean {
  if (transport !== 'udp' || !uri.startsWith('sip:')) return false
  const host = uri.indexOf('@') + 1 || 4
  if (!uri.startsWith(address, host)) return false
  const rest = uri.slice(host + address.length)
  const own = port === 5060 && !rest.startsWith(':') ? '' : `:${port}`
  if (!rest.startsWith(own)) return false
  return rest.length === own.length || OF_UDP.has(rest.slice(own.length))
}

const OF_UDP: ReadonlySet<string> = new Set([';transport=udp', ';transport=UDP'])

function same(a: Pick<Hop, 'transport' | 'address' | 'port'>, b: Hop): boolean {
  return a.address === b.address && a.port === b.port && a.transport === b.transport
}
