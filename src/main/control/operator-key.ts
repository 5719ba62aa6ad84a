import { access, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, newId } from '#lib/index.ts'
import { newApiKey, type SecretStore } from '#platform/subscriber/index.ts'

/** Where the operator's first key lies, below control's own directory: readable by control and by root. */
export const OPERATOR_KEY = 'operator.key'

/**
 * Makes the operator's key at the first start. Removing the file and restarting makes another and revokes the old one:
 * the way out when the key is lost or known.
 */
export async function ensureOperatorKey(store: SecretStore, directory: string, clock: Clock): Promise<void> {
  const path = join(directory, OPERATOR_KEY)
  const there = await access(path).then(
    () => true,
    () => false,
  )
  if (there) return
  await mkdir(directory, { recursive: true })
  const { key, hash } = newApiKey('operator')
  await store.replaceOperatorKey({ id: newId('key', clock.wall()), hash, label: OPERATOR_KEY })
  // Whole or not at all: a key that is half written would lock the operator out.
  await writeFile(`${path}.new`, `${key}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
}
