import type { MediaCrypto } from '#platform/words/index.ts'
import { SRTP_SUITES, SrtpContext } from '#protocol/rtp/index.ts'

/** SRTP of one endpoint: a context for each direction. */
export class Protection {
  readonly out: SrtpContext
  readonly in: SrtpContext
  readonly #crypto: MediaCrypto

  constructor(crypto: MediaCrypto) {
    const suite = SRTP_SUITES.find(({ name }) => name === crypto.suite)
    if (!suite) throw new Error('a suite that was negotiated is known')
    this.#crypto = crypto
    this.out = new SrtpContext(suite, Buffer.from(crypto.send, 'base64'))
    this.in = new SrtpContext(suite, Buffer.from(crypto.receive, 'base64'))
  }

  /** Whether these are its keys: then its roll-over counters go on (RFC 3711 §3.3.1). */
  has({ suite, send, receive }: MediaCrypto): boolean {
    return this.#crypto.suite === suite && this.#crypto.send === send && this.#crypto.receive === receive
  }
}
