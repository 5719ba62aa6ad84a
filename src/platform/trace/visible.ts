import type { CallTrace, TraceEntry } from '#platform/words/index.ts'

/** Headers of the carrier's side that say nothing of the carrier's network, or of those who share it. */
const SHOWN = /^(?:from|f|to|t|call-id|i|cseq|max-forwards|reason|privacy|retry-after|content-type|c|content-length|l)[ \t]*:/i

const ADDRESSES = /\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\[[0-9a-f:.]+\](?::\d+)?|\b(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}\b/gi

/** Of a URI without a user. */
const HOST_ALONE = /\b(sips?:)(?![^\s>,]{0,255}@)[^\s;>?,]+/gi

/** Where a description has an address, it may have a name as well (RFC 4566 §5.7). */
const IN_DESCRIPTION = /\b(IN IP[46]) .*/i

/**
 * A trace as its subscriber may see it: the site's side whole, and of the carrier's side who spoke when, but no address,
 * host name or product of the carrier, which other subscribers share.
 */
export function visibleToSubscriber(trace: NonNullable<CallTrace>): NonNullable<CallTrace> {
  return { ...trace, entries: trace.entries.map(shownEntry) }
}

function shownEntry(entry: TraceEntry): TraceEntry {
  if (entry.kind !== 'sip' || entry.realm !== 'node') return entry
  return { ...entry, local: 'switch', peer: 'trunk', message: masked(entry.message) }
}

function masked(message: string): string {
  const [head = '', ...body] = message.replaceAll(/\r?\n/g, '\r\n').split('\r\n\r\n')
  const [start = '', ...headers] = head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n')
  const shown = headers.filter((line) => SHOWN.test(line)).map(hide)
  const media = body.join('\r\n\r\n').split('\r\n')
  return [hide(start), ...shown, '', ...media.filter((line) => /^[mcatv]=/.test(line)).map(hide)].join('\r\n')
}

function hide(line: string): string {
  return line
    .replaceAll(ADDRESSES, '(trunk)')
    .replace(IN_DESCRIPTION, '$1 (trunk)')
    .replaceAll(/@[^\s;>:,?]+(?::\d+)?/g, '@(trunk)')
    .replaceAll(HOST_ALONE, '$1(trunk)')
}
