import { createCipheriv, createSecretKey, type KeyObject } from 'node:crypto'

/** A way to protect RTP (RFC 3711, RFC 7714), as SDP names it (RFC 4568 §6.2, RFC 7714 §14.2). */
export interface SrtpSuite {
  name: SrtpSuiteName
  /** Counter mode with a separate tag, or authenticated encryption. */
  mode: 'cm' | 'gcm'
  keyBytes: number
  saltBytes: number
  /** Of an RTP packet, and of an RTCP packet. */
  tagBytes: number
  controlTagBytes: number
}

export type SrtpSuiteName = 'AEAD_AES_128_GCM' | 'AES_CM_128_HMAC_SHA1_80' | 'AES_CM_128_HMAC_SHA1_32'

/** Best first. The short tag is for RTP only: RTCP always has the long one (RFC 4568 §6.2.2). */
export const SRTP_SUITES: readonly SrtpSuite[] = [
  { name: 'AEAD_AES_128_GCM', mode: 'gcm', keyBytes: 16, saltBytes: 12, tagBytes: 16, controlTagBytes: 16 },
  { name: 'AES_CM_128_HMAC_SHA1_80', mode: 'cm', keyBytes: 16, saltBytes: 14, tagBytes: 10, controlTagBytes: 10 },
  { name: 'AES_CM_128_HMAC_SHA1_32', mode: 'cm', keyBytes: 16, saltBytes: 14, tagBytes: 4, controlTagBytes: 10 },
]

/** The longest master key and salt of all suites, in bytes. */
export const LONGEST_MASTER = 30

/** What packets are protected with: made from the master key (RFC 3711 §4.3). */
export interface SessionKeys {
  encryption: Buffer
  salt: Buffer
  authentication: KeyObject
}

/** RFC 3711 §4.3.2: the first of three labels, for RTP and for RTCP. */
export const RTP_LABEL = 0
export const RTCP_LABEL = 3

/** Derives session keys with a key derivation rate of 0. `master` is key and salt. */
export function deriveKeys(suite: SrtpSuite, master: Uint8Array, label: number): SessionKeys {
  const key = master.subarray(0, suite.keyBytes)
  // A shorter salt is filled up with zeros on the right (RFC 7714 §11).
  const salt = Buffer.alloc(16)
  salt.set(master.subarray(suite.keyBytes, suite.keyBytes + suite.saltBytes))
  const derive = (which: number, length: number) => {
    const counter = Buffer.from(salt)
    counter[7]! ^= label + which
    return createCipheriv('aes-128-ctr', key, counter).update(Buffer.alloc(length))
  }
  return {
    encryption: derive(0, suite.keyBytes),
    authentication: createSecretKey(derive(1, 20)),
    salt: derive(2, suite.saltBytes),
  }
}
