type Place = { address: string; port: number }

/** What stands before the address: as it comes over the wire, quoted or not. */
export const NAMES = [
  ...['', 'Alice', 'Alice Smith', '"Alice"', '""', '" "', '"a\\\\"', '"\\""', '"\\"\\\\\\""', '"<sip:x@y>"', '"a;tag=1"'],
  ...['"Zoë Müller"', '"王小明"', '"😀"', '"a, b"', '"%0d%0aX-Evil: 1"', '"\\r\\nX-Evil: 1"', '"a\r\n X-Evil: 1"', '"a\tb"'],
  ...['"\\\r"', '"\\\n"', '"<"', '">"', '"@"', '"sip:evil@example.com"', `"${'n'.repeat(300)}"`, '"\u0001\u007f"', '"a\u0000b"'],
]

/** Users, and what they mean. */
export const USERS: [wire: string, means: string][] = [
  ['+32470123456', '+32470123456'],
  ['0032470123456', '+32470123456'],
  ['*67', '*67'],
  ['%2367', '#67'],
  ['101', '101'],
  ['a.b_c-d~e', 'a.b_c-d~e'],
  ['anonymous1', 'anonymous1'],
  ['%2B32470123456', '+32470123456'],
  ['+32-470.123(456)', '+32470123456'],
]

/** What breaks the grammar is refused or dropped, whoever calls: those names are tried once. */
export const CONTROLS = /[\r\n\0\u0001\u007f]/

/** Headers that steer others' switches, in every spelling (F08). */
export const SMUGGLED: readonly string[] = [
  ...[
    'X-Internal: 1',
    'x-internal : 1',
    'X-INTERNAL:\r\n 1',
    'X-Tieline-Subscriber\t: sub',
    'Remote-Party-ID: <sip:1@evil.invalid>',
  ],
  ...['Alert-Info: <http://evil.invalid>', 'Call-Info : <http://evil.invalid>', 'Subject: x', 's: x'],
  ...[
    'History-Info: <sip:1@evil.invalid>;index=1',
    'P-Charging-Vector: icid-value=1',
    'User-Agent: evil',
    'Reason: SIP;cause=200',
  ],
]

/** The INVITE number `n` of a carrier: `from` is its From without the tag. */
export function nastyInvite(
  from: string,
  number: string,
  { to, at, headers = [] }: { to: Place; at: Place; headers?: readonly string[] },
  n: number,
): string {
  const body = ['v=0', `o=- 1 1 IN IP4 ${at.address}`, 's=-', `c=IN IP4 ${at.address}`, 't=0 0', 'm=audio 40000 RTP/AVP 8', '']
  const sdp = body.join('\r\n')
  return [
    `INVITE sip:${number}@${to.address} SIP/2.0`,
    `Via: SIP/2.0/UDP ${at.address}:${at.port};branch=z9hG4bKnasty${n}`,
    `Max-Forwards: 70`,
    `From: ${from};tag=t${n}`,
    `To: <sip:${number}@${to.address}>`,
    `Call-ID: nasty-${n}@${at.address}`,
    'CSeq: 1 INVITE',
    `Contact: <sip:x@${at.address}:${at.port}>`,
    ...headers,
    'Content-Type: application/sdp',
    `Content-Length: ${Buffer.byteLength(sdp)}`,
    '',
    sdp,
  ].join('\r\n')
}
