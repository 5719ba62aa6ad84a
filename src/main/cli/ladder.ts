import type { CallTrace, TraceEntry } from '#platform/words/index.ts'

type Entry<K> = Extract<TraceEntry, { kind: K }>

const WIDTH = 30

/**
 * The trace of a call as lines of text: time since its beginning, the leg by a letter in the order of appearance, an arrow
 * for each SIP message between the switch and the far end, and between them what was decided and leased.
 */
export function ladder(trace: NonNullable<CallTrace>, options: { messages: boolean }): string[] {
  const begin = trace.entries[0]?.at
  const legs: string[] = []
  const letter = (leg: string | undefined) => {
    if (leg === undefined) return ' '
    if (!legs.includes(leg)) legs.push(leg)
    return String.fromCharCode(65 + (legs.indexOf(leg) % 26))
  }
  const lines = [`${trace.call} of ${trace.subscriber}, from ${begin ?? 'nowhere'}`]
  for (const entry of trace.entries) {
    const ms = Date.parse(entry.at) - Date.parse(begin ?? entry.at)
    lines.push(`${(ms / 1000).toFixed(3).padStart(9)}  ${letter(entry.leg)}  ${lineOf(entry)}`)
    if (options.messages && entry.kind === 'sip')
      lines.push(...entry.message.split(/\r?\n/).map((line) => `${' '.repeat(15)}${line}`))
  }
  if (trace.dropped > 0) lines.push(`${trace.dropped} more lines found no room.`)
  return lines
}

function lineOf(entry: TraceEntry): string {
  switch (entry.kind) {
    case 'sip':
      return messageLine(entry)
    case 'event':
      return `* ${entry.type} ${factsOf(entry.data)}`.trimEnd()
    case 'lease':
      return `+ lease ${entry.what}: ${entry.resource}${entry.reason === undefined ? '' : ` (${entry.reason})`}`
  }
}

function messageLine({ direction, realm, transport, peer, message }: Entry<'sip'>): string {
  const label = labelOf(message)
  const side = realm === 'node' ? 'trunk' : 'site'
  const arrow = direction === 'in' ? `<${label.padStart(WIDTH, '-')}--` : `-${label.padEnd(WIDTH, '-')}->`
  return `switch ${arrow} ${side} ${peer} ${transport}`
}

/** `INVITE (SDP)`, or `200 OK for INVITE (SDP)`. */
function labelOf(message: string): string {
  const start = message.slice(0, message.indexOf('\r\n'))
  const sequence = /^CSeq[ \t]*:[ \t]*(\d+)[ \t]+(\S+)/im.exec(message)
  const sdp = /\r\n\r\n\s*[a-z]=/.test(message) ? ' SDP' : ''
  const status = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(start)
  return status ? ` ${status[1]} ${sequence?.[2] ?? ''}${sdp} ` : ` ${start.split(' ')[0]}${sdp} `
}

function factsOf(data: Record<string, unknown>): string {
  const facts = Object.entries(data).map(([name, value]) => `${name}=${textOf(value)}`)
  return facts.join(' ')
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  const text = JSON.stringify(value) ?? ''
  return text.length > 120 ? `${text.slice(0, 119)}…` : text
}
