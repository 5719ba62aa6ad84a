import { sql } from 'kysely'
import type { Clock } from '#lib/index.ts'
import { type Credential, createAuthority, issueCertificate, type Sealer, SWITCH_NAME } from '#platform/subscriber/index.ts'
import type { Sealed } from '#platform/words/index.ts'
import type { Tx } from './store.ts'

/** The platform's own CA and the switch's certificate; keys sealed. */
export interface Authorities {
  ca: { certificate: string; key: Sealed }
  switch: { certificate: string; key: Sealed }
}

const DAY_MS = 86_400_000
/** The switch's certificate is made anew when less than this is left. */
const RENEW_BEFORE_MS = 60 * DAY_MS

/** Makes the CA and the switch's certificate where they are missing, and renews the latter in time. */
export async function ensureAuthorities(tx: Tx, sealer: Sealer, clock: Clock): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('tieline authority'))`.execute(tx)
  const rows = await tx.selectFrom('authority').selectAll().execute()
  const known = rows.find(({ name }) => name === 'ca')
  let ca = known && { certificate: known.certificate, key: sealer.openText(known.private_key) }
  if (!ca) {
    const made = await createAuthority(clock)
    await write(tx, sealer, 'ca', made)
    ca = made
  }
  const own = rows.find(({ name }) => name === 'switch')
  if (!own || !known || own.not_after.getTime() - clock.wall() < RENEW_BEFORE_MS)
    await write(tx, sealer, 'switch', await issueCertificate(clock, ca, { server: SWITCH_NAME }))
}

export async function readAuthorities(tx: Tx): Promise<Authorities> {
  const rows = await tx.selectFrom('authority').selectAll().execute()
  const of = (wanted: 'ca' | 'switch') => {
    const row = rows.find(({ name }) => name === wanted)
    if (!row) throw new Error(`the certificate of ${wanted} is missing: it is made when control starts`)
    return { certificate: row.certificate, key: row.private_key }
  }
  return { ca: of('ca'), switch: of('switch') }
}

async function write(tx: Tx, sealer: Sealer, name: 'ca' | 'switch', made: Credential): Promise<void> {
  const values = { certificate: made.certificate, private_key: sealer.seal(made.key), not_after: made.notAfter }
  await tx
    .insertInto('authority')
    .values({ name, ...values })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
    .execute()
}
