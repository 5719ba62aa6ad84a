/** One step of a change of JSON: the operations of RFC 6902 (§4.1 to §4.3) that {@link changesBetween} writes. */
export type PatchStep = { op: 'add' | 'replace'; path: string; value: unknown } | { op: 'remove'; path: string }

type Json = Record<string, unknown>

/**
 * What makes `after` of `before`, both plain JSON. What is the same object in both is taken to be the same: it must not have been
 * changed in place. A member that is `undefined` is none. Arrays of different lengths are replaced as a whole, and so are objects that are of
 * another `kind`, which have little in common.
 */
export function changesBetween(before: unknown, after: unknown): PatchStep[] {
  const steps: PatchStep[] = []
  compare(before, after, '', steps)
  return steps
}

function compare(before: unknown, after: unknown, path: string, steps: PatchStep[]): void {
  if (before === after) return
  if (isObject(before) && isObject(after) && before.kind === after.kind) {
    compareMembers(before, after, path, steps)
  } else if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    for (let i = 0; i < after.length; i++) compare(before[i], after[i], `${path}/${i}`, steps)
  } else {
    steps.push({ op: 'replace', path, value: after })
  }
}

function compareMembers(before: Json, after: Json, path: string, steps: PatchStep[]): void {
  let left = 0
  for (const _ in before) left++
  for (const name in after) {
    const value = after[name]
    if (value === undefined) continue
    const former = own(before, name)
    if (former !== undefined) left--
    if (former === value) continue
    if (former === undefined) steps.push({ op: 'add', path: `${path}/${escaped(name)}`, value })
    else compare(former, value, `${path}/${escaped(name)}`, steps)
  }
  // Most have the same members.
  if (left === 0) return
  for (const name in before) {
    if (own(after, name) === undefined && before[name] !== undefined)
      steps.push({ op: 'remove', path: `${path}/${escaped(name)}` })
  }
}

/** What objects inherit is no member of JSON: functions, of which it has none, and this one object. */
function own(json: Json, name: string): unknown {
  const value = json[name]
  return typeof value === 'function' || (name === '__proto__' && !Object.hasOwn(json, name)) ? undefined : value
}

/** `json` with the changes made, in place where that can be. @throws where a path leads nowhere */
export function patched(json: unknown, steps: readonly PatchStep[]): unknown {
  let whole = json
  for (const step of steps) {
    if (step.path === '') {
      whole = step.op === 'remove' ? undefined : step.value
      continue
    }
    const names = step.path.slice(1).split('/').map(unescaped)
    const last = names.pop()!
    let at = whole
    for (const name of names) at = member(at, name)
    const holder = holding(at)
    if (step.op === 'remove') delete holder[last]
    else if (step.op === 'replace' && !Object.hasOwn(holder, last)) throw new Error(`nothing to replace at ${step.path}`)
    else Object.defineProperty(holder, last, { value: step.value, enumerable: true, writable: true, configurable: true })
  }
  return whole
}

function member(at: unknown, name: string): unknown {
  const holder = holding(at)
  if (!Object.hasOwn(holder, name)) throw new Error(`nothing at ${name}`)
  return holder[name]
}

function holding(at: unknown): Json {
  if (typeof at !== 'object' || at === null) throw new Error('a value has no members')
  return at as Json
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** RFC 6901 §3: a name in a pointer. */
function escaped(name: string): string {
  return name.includes('~') || name.includes('/') ? name.replaceAll('~', '~0').replaceAll('/', '~1') : name
}

function unescaped(name: string): string {
  return name.includes('~') ? name.replaceAll('~1', '/').replaceAll('~0', '~') : name
}
