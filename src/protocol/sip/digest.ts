import { createHash } from 'node:crypto'
import { parseParams } from './params.ts'
import { endOfQuoted, quote } from './text.ts'

export type DigestAlgorithm = 'MD5' | 'SHA-256'

/** A name and a password; whoever holds them says to whom they may be shown. */
export interface Credentials {
  user: string
  password: string
}

/** What a server asks (RFC 7616 §3.3), as far as we can answer it. */
export interface Challenge {
  realm: string
  nonce: string
  algorithm: DigestAlgorithm
  /** Whether it offers `auth`; a server of RFC 2069 offers nothing. */
  qop: boolean
  opaque?: string
  /** The nonce was old, the password right. */
  stale: boolean
}

/** What goes into one answer. */
export interface DigestInput {
  method: string
  uri: string
  nonceCount: number
  cnonce: string
}

const ALGORITHMS = { MD5: 'md5', 'SHA-256': 'sha256' } as const

/** Reads a challenge. Null for another scheme, for an algorithm or a qop that we do not have, and for damage. */
export function parseChallenge(value: string): Challenge | null {
  const params = paramsOf(value)
  const realm = params?.get('realm')
  const nonce = params?.get('nonce')
  if (!params || realm === undefined || !nonce) return null
  const algorithm = algorithmOf(params.get('algorithm'))
  if (!algorithm) return null
  const offered = params.get('qop')
  const qop = offered !== undefined
  if (qop && !offered.split(',').some((option) => option.trim().toLowerCase() === 'auth')) return null
  const opaque = params.get('opaque')
  const stale = params.get('stale')?.toLowerCase() === 'true'
  return { realm, nonce, algorithm, qop, stale, ...(opaque === undefined ? {} : { opaque }) }
}

/** The first challenge that we can answer: a server names the one it likes best first (RFC 8760 §2.4). */
export function chooseChallenge(values: readonly string[]): Challenge | null {
  for (const value of values) {
    const challenge = parseChallenge(value)
    if (challenge) return challenge
  }
  return null
}

/** The value of Authorization or Proxy-Authorization that answers a challenge (RFC 3261 §22.4). */
export function answerChallenge(challenge: Challenge, credentials: Credentials, input: DigestInput): string {
  const { realm, nonce, algorithm, qop, opaque } = challenge
  const count = hexCount(input.nonceCount)
  const ha1 = hash(algorithm, `${credentials.user}:${realm}:${credentials.password}`)
  const response = responseOf(algorithm, ha1, { ...input, nonce, count, qop })
  const parts = [
    ...[`username=${quote(credentials.user)}`, `realm=${quote(realm)}`, `nonce=${quote(nonce)}`, `uri=${quote(input.uri)}`],
    ...[`response="${response}"`, `algorithm=${algorithm}`],
    ...(opaque === undefined ? [] : [`opaque=${quote(opaque)}`]),
    ...(qop ? [`qop=auth`, `nc=${count}`, `cnonce="${input.cnonce}"`] : []),
  ]
  return `Digest ${parts.join(', ')}`
}

/** What a client has answered. */
export interface DigestAnswer {
  user: string
  realm: string
  nonce: string
  uri: string
  response: string
  algorithm: DigestAlgorithm
  /** Null where it uses no qop. */
  nonceCount: number | null
  cnonce: string
}

/** Reads an Authorization value. Null for what we have not asked for, and for damage. */
export function parseAnswer(value: string): DigestAnswer | null {
  const params = paramsOf(value)
  const [user, realm, nonce] = [params?.get('username'), params?.get('realm'), params?.get('nonce')]
  const [uri, response] = [params?.get('uri'), params?.get('response')]
  const algorithm = algorithmOf(params?.get('algorithm'))
  if (user === undefined || realm === undefined || !nonce || !uri || !response || !algorithm) return null
  const qop = params?.get('qop')
  if (qop === undefined) return { user, realm, nonce, uri, response, algorithm, nonceCount: null, cnonce: '' }
  const count = params?.get('nc') ?? ''
  const cnonce = params?.get('cnonce')
  if (qop.toLowerCase() !== 'auth' || !/^[0-9a-f]{8}$/i.test(count) || !cnonce) return null
  return { user, realm, nonce, uri, response, algorithm, nonceCount: Number.parseInt(count, 16), cnonce }
}

/** What the right password would have answered, hex. */
export function expectedResponse(answer: DigestAnswer, password: string, method: string): string {
  const { algorithm, user, realm, nonce, uri, cnonce, nonceCount } = answer
  const ha1 = hash(algorithm, `${user}:${realm}:${password}`)
  const input = { method, uri, cnonce, nonce, count: hexCount(nonceCount ?? 0), qop: nonceCount !== null }
  return responseOf(algorithm, ha1, input)
}

/** RFC 7616 §3.4.1; without qop, as RFC 2069 had it. */
function responseOf(
  algorithm: DigestAlgorithm,
  ha1: string,
  input: { method: string; uri: string; cnonce: string; nonce: string; count: string; qop: boolean },
): string {
  const ha2 = hash(algorithm, `${input.method}:${input.uri}`)
  const middle = input.qop ? `${input.nonce}:${input.count}:${input.cnonce}:auth` : input.nonce
  return hash(algorithm, `${ha1}:${middle}:${ha2}`)
}

function hash(algorithm: DigestAlgorithm, text: string): string {
  return createHash(ALGORITHMS[algorithm]).update(text).digest('hex')
}

function hexCount(n: number): string {
  return n.toString(16).padStart(8, '0')
}

function algorithmOf(name: string | undefined): DigestAlgorithm | null {
  const upper = (name ?? 'MD5').toUpperCase()
  return upper === 'MD5' || upper === 'SHA-256' ? upper : null
}

/** `Digest a=b, c="d"`: the parameters, which commas part. */
function paramsOf(value: string) {
  const scheme = /^digest[ \t]+/i.exec(value)
  if (!scheme) return null
  try {
    return parseParams(`;${semicolons(value.slice(scheme[0].length))}`, 0)
  } catch {
    return null
  }
}

/**
 * The commas outside of quotes as semicolons, so that the parameters read like all others; in one pass, whatever is quoted and never
 * closed (PITFALLS F13). @throws SipParseError
 */
function semicolons(text: string): string {
  let result = ''
  let start = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') i = endOfQuoted(text, i) - 1
    else if (text[i] === ',') {
      result += `${text.slice(start, i)};`
      start = i + 1
    }
  }
  return result + text.slice(start)
}
