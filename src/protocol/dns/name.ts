const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/

/**
 * A host name as DNS compares them, in lower case and without the dot at its end; null where the text is none (RFC 1123 §2.1). A name
 * has two labels at least, and a letter in its last one, so that no address is a name. Underscores are let pass, as in SRV.
 */
export function hostName(text: string): string | null {
  const name = text.toLowerCase().replace(/\.$/, '')
  const labels = name.split('.')
  const last = labels.at(-1) ?? ''
  return name.length <= 253 && labels.length > 1 && labels.every((label) => LABEL.test(label)) && /[a-z]/.test(last) ? name : null
}
