import type { TSchema } from 'typebox'

/** What the checker says; of `params` what is read here. */
interface SchemaMistake {
  keyword: string
  instancePath: string
  message: string
  params: object
}

interface Described {
  const?: unknown
  enum?: readonly unknown[]
  anyOf?: readonly Described[]
  items?: Described
  properties?: Readonly<Record<string, Described>>
  required?: readonly string[]
}

/** The first mistake in a value, where it is and in words that name what may stand there. */
export function mistakeOf(schema: TSchema, [first]: readonly SchemaMistake[]): { instancePath: string; message: string } {
  if (!first) return { instancePath: '', message: 'is wrong' }
  const { keyword, instancePath, message } = first
  const values = valuesAt(schema, instancePath)
  if (values) return { instancePath, message: `must be ${either(values.map(String))}` }
  // A key that no form knows is a mistake of the whole that has these forms.
  const whole = keyword === 'boolean' ? instancePath.replace(/\/[^/]*$/, '') : instancePath
  const forms = formsAt(schema, whole)
  if (forms) return { instancePath: whole, message: `must be ${either(forms)}` }
  if (keyword === 'boolean') return { instancePath, message: 'is not known here' }
  const { requiredProperties } = first.params as { requiredProperties?: readonly string[] }
  return { instancePath, message: requiredProperties ? `must have ${requiredProperties.join(', ')}` : message }
}

/** Values that alone may stand there; null where more may. */
function valuesAt(schema: TSchema, instancePath: string): unknown[] | null {
  const at = schemaAt(schema, instancePath)
  const among = at?.anyOf ?? (at ? [at] : [])
  const values = among.flatMap((one) => one.enum ?? ('const' in one ? [one.const] : []))
  return values.length > 0 && among.every((one) => one.enum || 'const' in one) ? values : null
}

/** Objects of which one may stand there, by what each must have. */
function formsAt(schema: TSchema, instancePath: string): string[] | null {
  const { anyOf } = schemaAt(schema, instancePath) ?? {}
  if (!anyOf || anyOf.length < 2) return null
  const forms = anyOf.map(({ required, const: value }) => (required ? `{ ${required.join(', ')} }` : JSON.stringify(value)))
  return forms.every((form) => form !== undefined) ? forms : null
}

function schemaAt(schema: TSchema, instancePath: string): Described | undefined {
  let at: Described | undefined = schema as Described
  for (const key of instancePath.split('/').slice(1)) {
    const forms: readonly Described[] = at?.anyOf ?? (at ? [at] : [])
    at = forms.map(({ properties, items }) => properties?.[key] ?? items).find((found) => found !== undefined)
  }
  return at
}

function either(texts: readonly string[]): string {
  return texts.length < 2 ? texts.join() : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`
}
