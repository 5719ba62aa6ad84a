import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NameAddr } from './address.ts'
import { buildResponse } from './build.ts'
import { contactOf, dialogOfServer } from './dialog.ts'
import { readHead } from './head.ts'
import { SipRequest, type SipResponse } from './message.ts'
import { parseMessage } from './parse.ts'
import { SipParseError } from './parse-error.ts'
import { checkRules, checkSyntax } from './request-checks.ts'
import { hop } from './simulated-network.ts'
import { serverKey } from './transactions.ts'

/*
 * A head that is written as nearly everybody writes it is read in one pass over its octets; any other is taken apart as text. One and
 * the same message is made to take either road here, and has to say the same on both.
 */

const START_LINES = [
  'INVITE sip:+3225550101@203.0.113.5 SIP/2.0',
  'INVITE sip:b@h:5060;user=phone SIP/2.0',
  'INVITE sip:b@[2001:db8::1]:5060 SIP/2.0',
  'INVITE sip:b@h?Subject=x SIP/2.0',
  'BYE sip:h SIP/2.0',
  'UPDATE tel:+3225550101;phone-context=x SIP/2.0',
  'OPTIONS sips:%41@h sip/2.0',
  'NOBODY mailto:a@h SIP/2.0',
  'SIP/2.0 200 OK',
  'SIP/2.0 183 Session Progress',
  'sip/2.0 486',
]

/** What a header may say, well-formed or not; each name in several spellings. */
const HEADERS: readonly (readonly [names: readonly string[], values: readonly string[]])[] = [
  [
    ['Via', 'v', 'VIA', 'via '],
    [
      'SIP/2.0/UDP h:5070;branch=z9hG4bK1;rport',
      'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport=5;received=1.2.3.4',
      'SIP/2.0/TCP [2001:db8::1]:5060;branch=z9hG4bK2, SIP/2.0/UDP other',
      'SIP / 2.0 / UDP h : 5060 ; Branch = x ; ttl = 16',
      'SIP/2.0/UDP h;x="a,b";branch=1',
      'SIP/2.0/UDP h:70000;branch=a',
      'SIP/2.0/UDP h;Branch=a;branch=b;RPORT',
      'nonsense',
      '',
    ],
  ],
  [
    ['From', 'f', 'FROM'],
    ['"A \\" B" <sip:a@h;x=y>;tag=1', 'A b <sip:a@h>;TAG=2;x', 'sip:a@h;tag=3', '<sip:a@[::1]>', '<sip:a@h>;tag', 'A <', '', '*'],
  ],
  [
    ['To', 't', 'to\t'],
    ['<sip:b@h>', 'sip:b@h', '"B" <sip:b@h>;tag=9', '<tel:+32>;tag=a;tag=b', '<sip:b@h', '<sip:b@h?a=b>', '<mailto:b@h>'],
  ],
  [
    ['Call-ID', 'i', 'call-id'],
    ['1@h', 'a b', ''],
  ],
  [
    ['CSeq', 'cseq'],
    ['1 INVITE', '2  INVITE', '3\tBYE', '99999999999 INVITE', '4', '-1 INVITE', '5 INVITE x', '6 IN"VITE'],
  ],
  [
    ['Contact', 'm'],
    [
      '<sip:a@1.2.3.4:5060>',
      'sip:a@h;q=1',
      '"A, B" <sip:a@h>, <sip:b@h>',
      '"a <b" <sip:c@h>',
      '*',
      '<tel:+32>',
      'A <sip:a@h',
      '<sip:a@h;x=y>;expires=5',
      '',
    ],
  ],
  [['Max-Forwards'], ['70', '0', '256', 'x', '']],
  [
    ['Content-Length', 'l'],
    ['0', '4', '999', '4 4', '', 'x'],
  ],
  [
    ['Content-Type', 'c'],
    ['application/sdp', 'Application/SDP ; charset=x', 'multipart/mixed;boundary=b', ''],
  ],
  [['Record-Route'], ['<sip:p1;lr>, <sip:p2;lr>', '<sip:p3>', '"a', '']],
  [['Route'], ['<sip:p1;lr>', 'sip:p2', '']],
  [['Require'], ['100rel', '100rel , timer', 'other', '']],
  [
    ['Supported', 'k'],
    ['timer,100rel', ''],
  ],
  [['Allow'], ['INVITE, UPDATE', 'invite,update', '"']],
  [
    ['Session-Expires', 'x'],
    ['1800;refresher=uas', '30', 'x'],
  ],
  [['Accept'], ['application/sdp', 'text/plain']],
  [['Authorization', 'PROXY-AUTHORIZATION'], ['Digest realm="a, b"']],
  [['Reason'], ['Q.850;cause=16;text="x, y"']],
  [
    ['X-Other', 'x_other', '~'],
    ['1', 'a, "b, c" , <d,e>', ' '],
  ],
]

const BODIES = ['', 'v=0\n', '--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--']

/** What is put somewhere into a head, in the place of what stands there or before it. */
const ODD = [...' \t"\\<>,;:=@%?*0a', '\r', '\n', '\r\n', '\r\n ', '\r\n\r\n', '\0', 'é']

const lineOf = ([names, values]: (typeof HEADERS)[number]) =>
  fc
    .tuple(
      fc.constantFrom(...names),
      fc.constantFrom(':', ': ', ':\t ', ' : '),
      fc.constantFrom(...values),
      fc.constantFrom('', '', ' '),
    )
    .map((parts) => parts.join(''))

/** The first five are what a message has to have: mostly there, and once, in the first of the ways. */
const needed = HEADERS.slice(0, 5).map((header) => {
  const [[name], [value]] = header
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant([`${name}: ${value}`]) },
    { weight: 3, arbitrary: fc.array(lineOf(header), { minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.array(lineOf(header), { maxLength: 2 }) },
  )
})
const messages = fc
  .record({
    start: fc.constantFrom(...START_LINES),
    needed: fc.tuple(...needed),
    more: fc.array(fc.tuple(fc.nat(), fc.oneof(...HEADERS.slice(5).map(lineOf))), { maxLength: 6 }),
    odd: fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...ODD)), { maxLength: 2 }),
    body: fc.constantFrom(...BODIES),
  })
  .map(({ start, needed, more, odd, body }) => {
    const lines = needed.flat()
    for (const [where, one] of more) lines.splice(where % (lines.length + 1), 0, one)
    let head = [start, ...lines].join('\r\n')
    for (const [where, taken, put] of odd) {
      const at = where % (head.length + 1)
      head = head.slice(0, at) + put + head.slice(at + taken)
    }
    // Empty lines before the first one are passed over in front of both roads (RFC 3261 §7.5).
    return `${head.replace(/^[\r\n]+/, '')}\r\n\r\n${body}`
  })

/** Octets of a head that the quick road reads. */
const MOST = 8192

const padded = (message: string, end: number, octets: number) =>
  `${message.slice(0, end)}\r\nX-Padding: ${'x'.repeat(octets)}${message.slice(end)}`

/** The same message, which is `end` octets long without its body, written so that the quick road does not take it; null where it can't be. */
const DISGUISES: Record<string, (message: string, end: number) => string | null> = {
  'longer than the quick road reads': (message, end) => padded(message, end, MOST),
  'just as long as it reads, or hardly longer': (message, end) =>
    padded(message, end, MOST - end - '\r\nX-Padding: '.length - 4 + (end % 9)),
  // Two line feeds end a head only where nothing behind them looks like the end of one.
  'with bare line feeds': (message, end) =>
    message.includes('\r\n\r\n', end + 1)
      ? null
      : `${message.slice(0, end).replaceAll('\r\n', '\n')}\n\n${message.slice(end + 4)}`,
  // §7.3.1: blanks may become a line end with a blank behind it.
  'with a folded line': (message, end) => {
    const at = message.slice(0, end).search(/(?<=\r\n[^\r\n:]*:)[ \t]+[^ \t\r]/)
    return at < 0 ? null : `${message.slice(0, at)}\r\n${message.slice(at)}`
  },
}

/** What it comes to, or with which words it is refused. */
function attempt(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error
    return { refused: error.status, fault: error.message }
  }
}

const partsOf = ({ displayName, address, params, tag }: NameAddr) => ({ displayName, address, params: [...params], tag })

/** All that is ever asked of a message; in which order is another one each time, for what is read once is kept. */
const QUESTIONS: Record<string, (message: Message) => unknown> = {
  via: ({ via: { text, transport, host, port, branch, rport } }) => ({ text, transport, host, port, branch, rport }),
  'parameters of Via': ({ via }) => [...via.params],
  vias: ({ vias }) => vias,
  'tag of From': ({ fromTag }) => fromTag,
  'tag of To': ({ toTag }) => toTag,
  from: ({ from }) => partsOf(from),
  to: ({ to }) => partsOf(to),
  'URIs of both': ({ from, to }) =>
    [from.uri, to.uri].map(({ scheme, user, host, port, headers }) => [scheme, user, host, port, headers]),
  parties: (message) => message.checkParties(),
  tags: (message) => message.checkTags(),
  cseq: ({ cseq }) => cseq,
  callId: ({ callId }) => callId,
  contact: ({ contact }) => contact && partsOf(contact),
  contactUri: ({ contactUri }) => contactUri,
  'target of a dialog': (message) => contactOf(message),
  routes: ({ routes }) => routes,
  recordRoutes: ({ recordRoutes }) => recordRoutes,
  contentType: ({ contentType }) => contentType,
  description: ({ description }) => Buffer.from(description).toString('latin1'),
  body: ({ body }) => Buffer.from(body).toString('latin1'),
  hasCredentials: ({ hasCredentials }) => hasCredentials,
  headers: (message) => HEADERS.map(([names]) => names.map((name) => [message.header(name), message.headers(name)])),
  lists: (message) => HEADERS.map(([[name]]) => attempt(() => message.list(name!))),
  required: (message) => attempt(() => [message.lists('require', '100rel'), message.lists('allow', 'UPDATE')]),
  syntax: (message) => message instanceof SipRequest && checkSyntax(message),
  rules: (message) => message instanceof SipRequest && checkRules(message),
  target: (message) => message instanceof SipRequest && message.target.host,
  'what is wrong with the target': (message) => message instanceof SipRequest && message.checkTarget(),
  maxForwards: (message) => message instanceof SipRequest && message.maxForwards,
  transaction: (message) => message instanceof SipRequest && serverKey(message),
  dialog: (message) =>
    message instanceof SipRequest &&
    checkSyntax(message) === undefined &&
    dialogOfServer(message, hop('192.0.2.1'), 'ours', '<sip:us>'),
  answer: (message) =>
    message instanceof SipRequest && buildResponse(message, { status: 200, toTag: 'ours', recordRoute: true }).text,
}

type Message = SipRequest | SipResponse
type Told = Record<string, unknown>

function told(message: Message, order: readonly string[]): Told {
  const said: Told =
    message instanceof SipRequest
      ? { method: message.method, uri: message.uri }
      : { status: message.status, reason: message.reason }
  for (const question of order) said[question] = attempt(() => QUESTIONS[question]!(message))
  return said
}

/** What a message says, or why it is none and what could be read of it all the same, for its answer. */
function reading(text: string, order: readonly string[]): Told {
  try {
    return told(parseMessage(Buffer.from(text)), order)
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error
    return { refused: error.status, fault: error.message, request: error.request ? told(error.request, order) : null }
  }
}

const isQuick = (message: string) => readHead(Buffer.from(message)) !== null

for (const [how, disguise] of Object.entries(DISGUISES))
  test(`what the quick road reads of a message is what the thorough road reads of it ${how}`, (t) => {
    const seed = Math.trunc(Math.random() * 2 ** 31)
    t.diagnostic(`seed ${seed}`)
    let compared = 0
    const questions = Object.keys(QUESTIONS)
    fc.assert(
      fc.property(messages, fc.shuffledSubarray(questions, { minLength: questions.length }), (message, order) => {
        const other = isQuick(message) ? disguise(message, message.indexOf('\r\n\r\n')) : null
        if (other === null) return
        if (!isQuick(other)) compared++
        assert.deepEqual(reading(other, order), reading(message, order))
      }),
      { seed, numRuns: 600, interruptAfterTimeLimit: 1500 },
    )
    assert.ok(compared > 50, `${compared} took both roads`)
    t.diagnostic(`${compared} took both roads`)
  })
