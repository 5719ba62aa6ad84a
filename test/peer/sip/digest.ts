import { createHash } from 'node:crypto'

export interface Account {
  user: string
  password: string
}

/** An answer to a challenge (RFC 7616, written apart from ours), the first that is for this algorithm. */
export function digestAnswer(
  challenges: readonly string[],
  { user, password }: Account,
  { method, uri, algorithm = 'MD5' }: { method: string; uri: string; algorithm?: 'MD5' | 'SHA-256' },
): string {
  const challenge = challenges.find((value) => value.includes(`algorithm=${algorithm}`)) ?? ''
  const field = (name: string) => new RegExp(`[ ,]${name}="([^"]+)`).exec(challenge)?.[1] ?? ''
  const [realm, nonce] = [field('realm'), field('nonce')]
  const hash = (text: string) =>
    createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex')
  const ha1 = hash(`${user}:${realm}:${password}`)
  const response = hash(`${ha1}:${nonce}:00000001:c0ffee:auth:${hash(`${method}:${uri}`)}`)
  return (
    `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", ` +
    `algorithm=${algorithm}, qop=auth, nc=00000001, cnonce="c0ffee"`
  )
}
