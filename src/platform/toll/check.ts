import { TielineError } from '#lib/index.ts'
import { TOLL_RULES, type TollClass, type TollLimits, type TollRule, type TollRules } from '#platform/words/index.ts'

/** A class that came from outside, held against the others. Rejects with `invalid-argument`, or with `prefix-taken`. */
export function checkClass(one: TollClass, others: readonly TollClass[]): void {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(one.name)) throw wrong('name', 'A class is named with a-z, 0-9 and -, from a letter on.')
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(one.title)) throw wrong('title', 'A title is one line of text.')
  if (one.prefixes.length === 0) throw wrong('prefixes', 'A class has at least one prefix.')
  for (const prefix of one.prefixes)
    if (!/^(\+?[0-9*#]{1,15}|\+)?$/.test(prefix))
      throw wrong('prefixes', 'A prefix is how a number begins: + and up to 15 digits, a short code, or nothing for all numbers.')
  if (new Set(one.prefixes).size < one.prefixes.length) throw wrong('prefixes', 'A prefix stands in a class once.')
  checkLimits('limits', one.limits)
  if (one.policy === 'limited' && Object.keys(one.limits ?? {}).length === 0)
    throw wrong('limits', 'A limited class says what its limits are.')
  for (const { name, prefixes } of others) {
    const taken = one.prefixes.find((prefix) => prefixes.includes(prefix))
    if (taken === undefined) continue
    const verdict = { code: 'prefix-taken', fault: 'caller', retry: false, http: 409 } as const
    throw new TielineError(`The prefix "${taken}" belongs to the class ${name}.`, verdict, { prefix: taken, class: name })
  }
}

/** What is said of a subscriber's calls out. Rejects with `invalid-argument`. */
export function checkRules(rules: TollRules, classes: readonly TollClass[]): void {
  const known = new Set(classes.map(({ name }) => name))
  checkLimits('toll.limits', rules.limits)
  for (const [name, limits] of Object.entries(rules.classLimits ?? {})) checkLimits(`toll.classLimits.${name}`, limits)
  for (const name of Object.keys({ ...rules.classes, ...rules.classLimits }))
    if (!known.has(name)) throw wrong('toll.classes', `There is no class ${name}: add it with tieline toll set.`)
}

function checkLimits(field: string, limits: TollLimits | undefined): void {
  for (const [rule, limit] of Object.entries(limits ?? {}) as [TollRule, number | string][])
    if (
      typeof limit === 'string'
        ? !/^\d{1,9}(\.\d{1,6})?$/.test(limit) || Number(limit) === 0
        : !Number.isInteger(limit) || limit < 1
    )
      throw wrong(field, `A limit of ${TOLL_RULES[rule]} is a ${typeof limit === 'string' ? 'decimal' : 'whole'} number above 0.`)
}

function wrong(field: string, sentence: string): TielineError {
  return new TielineError(sentence, { code: 'invalid-argument', fault: 'caller', retry: false, http: 422 }, { field })
}
