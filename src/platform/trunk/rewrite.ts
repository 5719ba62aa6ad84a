import type { NumberRule } from '#platform/words/index.ts'

/** A number by the rules of a trunk: the longest prefix that it begins with is replaced, once. Without a rule it stays. */
export function rewrite(number: string, rules: readonly NumberRule[] | undefined): string {
  let best: NumberRule | undefined
  if (!rules) return number
  for (const rule of rules) {
    if (number.startsWith(rule.prefix) && (!best || rule.prefix.length > best.prefix.length)) best = rule
  }
  return best ? best.replace + number.slice(best.prefix.length) : number
}
