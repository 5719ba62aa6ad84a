import { TielineError } from '#lib/index.ts'

/** Millionths of a currency unit. All sums are made of these; no float is ever involved. */
export type Micros = bigint

/** Money as the API and an invoice show it. */
export interface Money {
  /** A decimal number: `1.2345`. */
  amount: string
  /** ISO 4217. */
  currency: string
}

const SCALE = 6

/** Reads a decimal number with at most six places. @throws TielineError `invalid-amount` */
export function parseMicros(text: string): Micros {
  const match = /^(-?)(\d{1,12})(?:\.(\d{1,6}))?$/.exec(text)
  if (!match) {
    const verdict = { code: 'invalid-amount', fault: 'caller', retry: false, http: 422 } as const
    throw new TielineError('an amount is a decimal number with at most six places', verdict, { amount: text })
  }
  const value = BigInt(match[2]! + (match[3] ?? '').padEnd(SCALE, '0'))
  return match[1] ? -value : value
}

/** Writes `micros` with at least `places` decimals and no more than it needs. */
export function formatMicros(micros: Micros, places = 2): string {
  const digits = (micros < 0n ? -micros : micros).toString().padStart(SCALE + 1, '0')
  let fraction = digits.slice(-SCALE)
  while (fraction.length > places && fraction.endsWith('0')) fraction = fraction.slice(0, -1)
  return `${micros < 0n ? '-' : ''}${digits.slice(0, -SCALE)}${fraction ? `.${fraction}` : ''}`
}

/** `a * b / c`, rounded half away from zero: what a person does with a pencil. */
export function mulDiv(a: bigint, b: bigint, c: bigint): bigint {
  const product = a * b
  const negative = product < 0n !== c < 0n
  const [n, d] = [product < 0n ? -product : product, c < 0n ? -c : c]
  const rounded = (2n * n + d) / (2n * d)
  return negative ? -rounded : rounded
}

/** How many decimals a currency is paid in: 2 for EUR, 0 for JPY. */
export function minorDigits(currency: string): number {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
}

/** Rounds to what can be paid. */
export function payable(micros: Micros, currency: string): Micros {
  const step = 10n ** BigInt(SCALE - minorDigits(currency))
  return mulDiv(micros, 1n, step) * step
}
