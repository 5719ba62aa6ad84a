import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { CAUSES, causeOfStatus } from './cause.ts'

const PAGE = new URL('../../../docs/protocols/causes.md', import.meta.url)

/** Both tables as the page has them, made of the one that the code goes by. */
function tables(): string[] {
  const out = Object.entries(CAUSES).map(([reason, { sip, q850, text }]) => `| \`${reason}\` | ${sip} | ${q850} | ${text} |`)
  const byReason = new Map<string, number[]>()
  for (let status = 300; status < 700; status++) {
    const { reason } = causeOfStatus(status, 'callee')
    byReason.set(reason, [...(byReason.get(reason) ?? []), status])
  }
  const back = [...byReason].map(([reason, all]) => `| ${ranges(all)} | \`${reason}\` |`)
  return [...out, ...back]
}

/** `300–399, 404, 604` */
function ranges(all: number[]): string {
  const parts: [number, number][] = []
  for (const n of all) {
    const last = parts.at(-1)
    if (last && last[1] === n - 1) last[1] = n
    else parts.push([n, n])
  }
  return parts.map(([a, b]) => (a === b ? `${a}` : `${a}–${b}`)).join(', ')
}

test('the page on release causes says what the code does, row for row', () => {
  const rows = readFileSync(PAGE, 'utf8')
    .split('\n')
    .filter((line) => /^\| (?:`|\d)/.test(line))
  assert.deepEqual(rows, tables())
})
