import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseMessage } from './parse.ts'
import { SipParseError } from './parse-error.ts'
import { hop, SimulatedNetwork } from './simulated-network.ts'

/** The vectors are not ours to distribute; they lie beside the working tree where it is developed. */
const DIRECTORY = new URL('../../../../shared/data/rfc4475/', import.meta.url)

/**
 * What a user agent must make of each message of RFC 4475: handed to the product as a request (`taken`), answered by itself
 * with a status, or given no answer (`dropped`: responses that answer nothing of ours, and what is no SIP).
 */
const EXPECTED: Readonly<Record<string, 'taken' | 'dropped' | number>> = {
  badaspec: 'taken', // §3.1.2.15: blanks inside the brackets may be forgiven
  badbranch: 'taken', // §3.2.1: a branch of nothing but the cookie identifies as RFC 2543 does
  baddate: 'taken', // §3.1.2.12: Date is of no interest to us
  baddn: 400, // §3.1.2.14; this copy lacks the line that ends the head
  badinv01: 400, // §3.1.2.1
  badvers: 505, // §3.1.2.16
  bcast: 'dropped', // §3.3.10
  bext01: 420, // §3.3.2
  bigcode: 'dropped', // §3.1.2.19
  clerr: 400, // §3.1.2.2
  cparam01: 'taken', // §3.3.12
  cparam02: 'taken', // §3.3.13
  dblreq: 'taken', // §3.1.1.8: the first request alone
  esc01: 'taken', // §3.1.1.3
  esc02: 405, // §3.1.1.5: an unknown method
  escnull: 'taken', // §3.1.1.4
  escruri: 400, // §3.1.2.11
  insuf: 400, // §3.3.1
  intmeth: 405, // §3.1.1.2: well-formed, but a method of its own
  inv2543: 'taken', // §3.4.1
  invut: 415, // §3.3.5
  longreq: 'taken', // §3.1.1.7
  ltgtruri: 400, // §3.1.2.7
  lwsdisp: 'taken', // §3.1.1.6
  lwsruri: 400, // §3.1.2.8
  lwsstart: 400, // §3.1.2.9
  mcl01: 400, // §3.3.9
  mismatch01: 400, // §3.1.2.17
  mismatch02: 400, // §3.1.2.18
  mpart01: 'taken', // §3.1.1.11
  multi01: 400, // §3.3.8
  ncl: 400, // §3.1.2.3
  noreason: 'dropped', // §3.1.1.13: parsed, but it answers nothing of ours
  novelsc: 416, // §3.3.4
  quotbal: 400, // §3.1.2.6
  regaut01: 'taken', // §3.3.6: the registrar may judge the scheme
  regbadct: 400, // §3.1.2.13
  regescrt: 'taken', // §3.3.14
  scalar02: 400, // §3.1.2.4
  scalarlg: 'dropped', // §3.1.2.5
  sdp01: 406, // §3.3.11
  semiuri: 'taken', // §3.1.1.9
  test: 'dropped', // not in the RFC's text: no SIP version and no Via, so nowhere to answer to
  transports: 'taken', // §3.1.1.10
  trws: 400, // §3.1.2.10
  unkscm: 416, // §3.3.3
  unksm2: 400, // §3.3.4: neither From nor To can be understood
  unreason: 'dropped', // §3.1.1.12: parsed, but it answers nothing of ours
  wsinv: 481, // §3.1.1.1: well-formed, and inside a dialog that we do not have
  zeromf: 'taken', // §3.3.9: OPTIONS is answered by whoever it has reached
}

const WELL_FORMED_RESPONSES = ['bcast', 'noreason', 'unreason', 'scalarlg']

const absent = existsSync(DIRECTORY) ? false : 'the RFC 4475 messages are not beside this tree (shared/data/rfc4475)'

function outcomeOf(bytes: Uint8Array): 'taken' | 'dropped' | number {
  const net = new SimulatedNetwork()
  let taken = false
  const userAgent = net.userAgent('192.0.2.5', {
    onInvite(invite) {
      taken = true
      invite.refuse(480)
    },
    onRequest(request) {
      taken = true
      request.respond(200)
    },
  })
  userAgent.receive(bytes, hop('192.0.2.99'))
  if (taken) return 'taken'
  const answer = net.sent.at(-1)
  return answer ? Number(answer.text.split(' ')[1]) : 'dropped'
}

test('F12 each message of RFC 4475 comes to its proper end', { skip: absent }, () => {
  const files = readdirSync(DIRECTORY).filter((name) => name.endsWith('.dat'))
  assert.equal(files.length, 50)
  for (const file of files) {
    const name = file.slice(0, -4)
    const expected = EXPECTED[name]
    assert.notEqual(expected, undefined, name)
    assert.equal(outcomeOf(readFileSync(new URL(file, DIRECTORY))), expected, name)
  }
  assert.equal(Object.keys(EXPECTED).length, 50)
})

test('S56 F09 a lone CR, a control character in a URI and a tag that breaks out are refused, and no CR comes back', () => {
  const invite = (from: string) =>
    Buffer.from(
      [
        'INVITE sip:b@192.0.2.5 SIP/2.0',
        'Via: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bK1',
        'Max-Forwards: 70',
        `From: ${from}`,
        'To: <sip:b@192.0.2.5>',
        'Call-ID: c1',
        'CSeq: 1 INVITE',
        'Contact: <sip:a@192.0.2.99>',
        '\r\n',
      ].join('\r\n'),
    )
  for (const tag of ['1', 'a.b-c_d~e', 'a=b', 'a/b:c', '1@192.0.2.99'])
    assert.equal(outcomeOf(invite(`<sip:a@192.0.2.99>;tag=${tag}`)), 'taken', tag)
  const broken = ['"a\r" <sip:a@h>;tag=1', '"a" <sip:a@h>;tag=1\rX-Evil: 1', '<sip:a\0@h>;tag=1', '<sip:\x7f@h>;tag=1']
  for (const from of [...broken, '<sip:a@h>;tag=1"', '<sip:a@h>;tag=1\\', '<sip:a@h>;tag="a b"', '<sip:a@h>;tag=1 2']) {
    const net = new SimulatedNetwork()
    net.userAgent('192.0.2.5', { onInvite: () => assert.fail(from) }).receive(invite(from), hop('192.0.2.99'))
    const text = net.sent.at(-1)!.text
    assert.match(text, /^SIP\/2\.0 400 /, from)
    assert.doesNotMatch(text, /\r(?!\n)/, from)
  }
})

test('F12 the responses of RFC 4475 are parsed or refused as such', { skip: absent }, () => {
  for (const name of WELL_FORMED_RESPONSES) {
    assert.ok('status' in parseMessage(readFileSync(new URL(`${name}.dat`, DIRECTORY))), name)
  }
  assert.throws(() => parseMessage(readFileSync(new URL('bigcode.dat', DIRECTORY))), SipParseError)
})

test('F12 no mutation of an RFC 4475 message throws anything but SipParseError', { skip: absent }, () => {
  let seed = 7
  const random = (n: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return (seed >>> 8) % n
  }
  const files = readdirSync(DIRECTORY).map((file) => readFileSync(new URL(file, DIRECTORY)))
  const spice = ['\r\n', ':', ';', ',', '<', '>', '"', '\\', '%', ' ', '\0', '@', '[', '=', '?', '\xff', '9999999999', 'SIP/2.0']
  for (let i = 0; i < 4000; i++) {
    const bytes = Buffer.from(files[i % files.length]!)
    const at = random(bytes.length)
    const mutated =
      i % 3 === 0
        ? Buffer.concat([bytes.subarray(0, at), Buffer.from(spice[random(spice.length)]!, 'latin1'), bytes.subarray(at)])
        : i % 3 === 1
          ? Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random(40))])
          : bytes.fill(random(256), at, Math.min(bytes.length, at + 1 + random(3)))
    // A user agent reads every header that it relies on; its log would show an error that is none of the grammar's.
    const net = new SimulatedNetwork()
    const errors: unknown[] = []
    const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => errors.push(fields), child: () => log }
    net.userAgent('192.0.2.5', { log }).receive(mutated, hop('192.0.2.99'))
    assert.deepEqual(errors, [], mutated.toString('latin1'))
  }
})
