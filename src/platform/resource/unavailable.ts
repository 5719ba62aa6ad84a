import { type Id, TielineError, type Verdict } from '#lib/index.ts'
import { type Refusal, TOLL_RULES } from '#platform/words/index.ts'

/**
 * Admission said no. `refusal` explains it, for the journal and so for the operator; `verdict.sip` is what the caller is told. What goes to
 * whoever asked, by a link or the API, names of the holders only those that are `asking`'s own.
 */
export class ResourceUnavailable extends TielineError {
  readonly refusal: Refusal
  /** Seconds for Retry-After; absent where the limit is the subscriber's own, which no waiting of the carrier changes. */
  readonly retryAfterSeconds?: number

  constructor(refusal: Refusal, asking: Id<'sub'>) {
    const own = refusal.fault === 'subscriber'
    const verdict = refusal.kind === 'voice.transcode' ? UNLIKE : (BARRED[refusal.limitedBy] ?? (own ? OWN : SYSTEM))
    const told = { ...refusal, holders: refusal.holders.filter(({ subscriber }) => subscriber === asking) }
    super(sentence(refusal), verdict, { refusal: told, ...(own ? {} : { retryAfterSeconds: RETRY_AFTER_SECONDS }) })
    this.name = 'ResourceUnavailable'
    this.refusal = refusal
    if (!own) this.retryAfterSeconds = RETRY_AFTER_SECONDS
  }
}

const RETRY_AFTER_SECONDS = 5

/** 486 and not 503: many carriers take a gateway that says 503 out of service, for everyone. Q.850 17 is *user busy*. */
const OWN: Verdict = { code: 'resource-unavailable', fault: 'subscriber', retry: true, http: 429, sip: 486, q850: 17 }

/** Q.850 52 is *outgoing calls barred*, which RFC 3398 §7.2.4.1 tells as 403; 21 is *call rejected*. */
const BARRED: Partial<Record<Refusal['limitedBy'], Verdict>> = {
  class: { code: 'resource-unavailable', fault: 'subscriber', retry: false, http: 403, sip: 403, q850: 52 },
  spend: { code: 'resource-unavailable', fault: 'subscriber', retry: true, http: 402, sip: 403, q850: 52 },
  balance: { code: 'resource-unavailable', fault: 'subscriber', retry: true, http: 402, sip: 403, q850: 21 },
  velocity: { code: 'resource-unavailable', fault: 'subscriber', retry: true, http: 429, sip: 403, q850: 52 },
}

/** Q.850 34 is *no circuit/channel available*. */
const SYSTEM: Verdict = { code: 'resource-unavailable', fault: 'system', retry: true, http: 503, sip: 503, q850: 34 }

/** Whoever calls can still be served in another codec, and a gateway that offers one is not out of order. Q.850 58 is *bearer capability not presently available*. */
const UNLIKE: Verdict = { code: 'resource-unavailable', fault: 'subscriber', retry: true, http: 429, sip: 488, q850: 58 }

function sentence(r: Refusal): string {
  if (r.limitedBy === 'class') return `calls out to numbers of the class ${r.class} are denied`
  const of = r.class ? ` to numbers of the class ${r.class}` : ''
  if (r.limitedBy === 'velocity' || r.limitedBy === 'spend')
    return `calls out${of} are limited to ${r.limit} ${TOLL_RULES[r.rule!]}`
  if (r.limitedBy === 'balance') return `the balance that is left does not pay for ${r.kind}`
  const whose = { ceiling: "the subscriber's ceiling", pool: "the node's pool", trunk: "the trunk's channels" }[r.limitedBy]
  return `no ${r.kind} left: ${whose} is ${r.limit}, ${r.inUse} in use, ${r.requested} more asked for`
}
