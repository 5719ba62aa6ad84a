import { TielineError } from '#lib/index.ts'

/** `no-server`: none is known. `silent`: none answered. `refused`: whoever answered could not say (SERVFAIL, REFUSED …). */
export type DnsTrouble = 'no-server' | 'silent' | 'refused'

/** DNS could not tell: nothing is known of the name, which is another thing than that there is nothing. */
export class DnsFailure extends TielineError {
  readonly trouble: DnsTrouble

  constructor(name: string, type: string, trouble: DnsTrouble) {
    super(
      `DNS does not tell ${type} of ${name}: ${trouble}`,
      { code: 'dns-failed', fault: 'peer', retry: true, http: 502, sip: 502, q850: 38 },
      { name, type, trouble },
    )
    this.name = 'DnsFailure'
    this.trouble = trouble
  }
}
