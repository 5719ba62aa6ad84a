import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Clock, type Log, TielineError, type Timer } from '#lib/index.ts'
import type { PlatformConfig, SipTls, SipTlsStatus } from '#platform/words/index.ts'

/** Ms between two looks at the files. */
const LOOK_MS = 5000

type Files = Pick<NonNullable<PlatformConfig['sip']['tls']>, 'certificate' | 'key'>

interface Options {
  clock: Clock
  log: Log
  /** Another one is in use from now on. */
  onRenewed(used: SipTls): void
}

/**
 * The certificate and key of SIP over TLS, which root alone can read: told to the switch, and kept at what the files say, so that
 * whoever renews them need tell nobody. What is in use stays so while the files are no good.
 */
export class SipCertificate {
  readonly #files: Files
  readonly #options: Options
  #used: SipTls
  /** What was wrong with the files at the last look, which may have been in the middle of their renewal. */
  #suspected = ''
  #fault: string | null = null
  #timer: Timer

  /** @throws TielineError `invalid-config` when a file cannot be read, or the two do not go together */
  constructor(files: Files, options: Options) {
    this.#files = files
    this.#options = options
    try {
      this.#used = read(files)
    } catch (cause) {
      const message = `The configuration is not valid:\n  sip.tls: ${(cause as Error).message}`
      throw new TielineError(message, { code: 'invalid-config', fault: 'caller', retry: false, http: 400 }, {}, { cause })
    }
    this.#timer = this.#later()
  }

  get used(): SipTls {
    return this.#used
  }

  /** Without the key: for everyone. */
  get status(): SipTlsStatus {
    return { certificate: this.#used.certificate, fault: this.#fault }
  }

  close(): void {
    this.#timer.cancel()
  }

  #look(): void {
    const { log, onRenewed } = this.#options
    try {
      const found = read(this.#files)
      if (this.#fault) log.info({}, 'the certificate of SIP over TLS can be read again')
      this.#suspected = ''
      this.#fault = null
      if (found.certificate === this.#used.certificate && found.key === this.#used.key) return
      this.#used = found
      log.info({ until: new X509Certificate(found.certificate).validTo }, 'SIP over TLS has another certificate')
      onRenewed(found)
    } catch (error) {
      const { message } = error as Error
      if (message === this.#suspected && message !== this.#fault) {
        this.#fault = message
        log.error({ err: error }, 'the certificate of SIP over TLS cannot be read; the one before is in use')
      }
      this.#suspected = message
    }
  }

  #later(): Timer {
    return this.#options.clock.after(LOOK_MS, () => {
      this.#look()
      this.#timer = this.#later()
    })
  }
}

function read(files: Files): SipTls {
  const certificate = readFileSync(files.certificate, 'utf8')
  const key = readFileSync(files.key, 'utf8')
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
    throw new Error('the key is of another certificate')
  return { certificate, key }
}
