/** What a peer says by an alert (RFC 8446 §6.2), in OpenSSL's words, and what that is in ours. */
const ALERTS: readonly [said: RegExp, meant: string][] = [
  [/alert certificate required/i, 'it demands a certificate of ours, and there is none'],
  [/alert certificate expired/i, 'it says that our certificate is out of date'],
  [/alert certificate revoked/i, 'it says that our certificate is revoked'],
  [/alert unknown ca/i, 'it does not trust the CA of our certificate'],
  [/alert (?:bad certificate|unsupported certificate|certificate unknown|access denied)/i, 'it refuses our certificate'],
  // TLS 1.2 has no alert of its own for it.
  [/alert handshake failure/i, 'it refuses the handshake, as one does that demands a certificate of ours'],
  [/alert protocol version/i, 'it speaks no TLS of 1.2 or above'],
]

const CODES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate is out of date',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate comes from nobody who is trusted here',
  ECONNREFUSED: 'it takes no connections there',
  ECONNRESET: 'it ended the connection',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  ETIMEDOUT: 'it does not answer',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from nobody who is trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from nobody who is trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from nobody who is trusted here',
}

/** Why there is no connection to somebody, as a clause about it. */
export function troubleOf(error: Error & { code?: string }): string {
  const alert = ALERTS.find(([said]) => said.test(error.message))
  return alert?.[1] ?? CODES[error.code ?? ''] ?? error.message
}
