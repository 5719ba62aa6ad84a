import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TurnedClock } from '#lib/index.ts'
import { answerChallenge, chooseChallenge, parseAnswer, parseChallenge } from './digest.ts'
import { DigestGuard } from './digest-guard.ts'
import type { SipRequest } from './message.ts'
import { parseMessage } from './parse.ts'

const NONCE = '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v'
const MUFASA = { user: 'Mufasa', password: 'Circle of Life' }
const INPUT = {
  ...{ method: 'GET', uri: '/dir/index.html', nonceCount: 1 },
  cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
}

test('the example of RFC 7616 §3.9.1, in MD5 and in SHA-256', () => {
  const of = (algorithm: string) =>
    parseChallenge(
      `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="${NONCE}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
    )!
  assert.match(answerChallenge(of('MD5'), MUFASA, INPUT), /response="8ca523f5e9506fed4657c9700eebdbec"/)
  assert.match(
    answerChallenge(of('SHA-256'), MUFASA, INPUT),
    /response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1".*opaque="FQhe.*nc=00000001/,
  )
})

test('the example of RFC 2617 without qop, as old servers still ask', () => {
  const challenge = parseChallenge('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"')!
  const answer = answerChallenge(challenge, { user: 'Mufasa', password: 'CircleOfLife' }, INPUT)
  assert.match(answer, /response="1949323746fe6a43ef61f9606e7febea"/)
  assert.doesNotMatch(answer, /qop|nc=|cnonce/)
})

test('the first challenge that can be answered is taken; what cannot be is passed over', () => {
  const challenge = chooseChallenge([
    'Basic realm="x"',
    'Digest realm="x", nonce="1", algorithm=SHA-512-256',
    'Digest realm="x", nonce="2", qop="auth-int"',
    'Digest realm="a, \\"b\\"", nonce="3", qop="auth", algorithm=sha-256',
    'Digest realm="x", nonce="4"',
  ])
  assert.deepEqual(challenge, { realm: 'a, "b"', nonce: '3', algorithm: 'SHA-256', qop: true, stale: false })
  for (const damaged of ['', 'Digest', 'Digest realm="x', 'Digest nonce=', 'Digest ,,,='])
    assert.equal(parseChallenge(damaged), null)
  assert.equal(parseAnswer('Digest username="x"'), null)
})

function request(authorization?: string): SipRequest {
  const lines = ['REGISTER sip:10.0.0.1 SIP/2.0', 'Via: SIP/2.0/UDP a;branch=z9hG4bK1', 'CSeq: 1 REGISTER', 'Call-ID: 1']
  if (authorization) lines.push(`Authorization: ${authorization}`)
  return parseMessage(Buffer.from(`${[...lines, '', ''].join('\r\n')}`)) as SipRequest
}

test('a guard lets in who knows the password, and no answer twice', () => {
  const clock = new TurnedClock()
  const guard = new DigestGuard({ realm: 'acme', clock })
  const password = (user: string) => (user === '101' ? 'secret' : undefined)
  const ask = () => {
    const verdict = guard.check(request(), password)
    assert.ok('challenge' in verdict && !verdict.refused)
    assert.deepEqual(
      verdict.challenge.map(([name]) => name),
      ['WWW-Authenticate', 'WWW-Authenticate'],
    )
    return verdict.challenge.map(([, value]) => parseChallenge(value)!)
  }
  const [sha, md5] = ask()
  assert.deepEqual([sha!.algorithm, md5!.algorithm], ['SHA-256', 'MD5'])
  const say = (challenge: typeof sha, user: string, secret: string, nonceCount: number) =>
    request(
      answerChallenge(challenge!, { user, password: secret }, { method: 'REGISTER', uri: 'sip:a', nonceCount, cnonce: 'c' }),
    )
  assert.deepEqual(guard.check(say(sha, '101', 'secret', 1), password), { user: '101' })
  assert.deepEqual(guard.check(say(sha, '101', 'secret', 2), password), { user: '101' })
  const twice = guard.check(say(sha, '101', 'secret', 2), password)
  assert.ok('challenge' in twice && !twice.refused && parseChallenge(twice.challenge[0]![1])!.stale, 'RFC 7616 §5.4: stale')
  assert.deepEqual(guard.check(say(md5, '101', 'secret', 3), password), { user: '101' })
  for (const [user, secret] of [
    ['101', 'wrong'],
    ['102', 'secret'],
  ] as const) {
    const verdict = guard.check(say(ask()[0], user, secret, 1), password)
    assert.ok('challenge' in verdict && verdict.refused && !parseChallenge(verdict.challenge[0]![1])!.stale)
  }
  const [old] = ask()
  clock.turn(301_000)
  const late = guard.check(say(old, '101', 'secret', 1), password)
  assert.ok('challenge' in late && parseChallenge(late.challenge[0]![1])!.stale, 'the password was right, the nonce old')
  const forged = guard.check(say({ ...ask()[0]!, nonce: 'zz.zz.zz' }, '101', 'secret', 1), password)
  assert.ok('challenge' in forged && !forged.refused)
})
