import type { Clock } from '#lib/index.ts'
import type { Sealer } from '#platform/subscriber/index.ts'
import type { Capacity } from '#platform/words/index.ts'
import { seedCapacities } from './allocation.ts'
import { ensureAuthorities } from './authority.ts'
import { ensureSiteTls } from './site-tls.ts'
import type { Store } from './store.ts'
import { listEmergencyNumbers, setEmergencyNumbers } from './trunk.ts'

/** The number of the GSM standard and the European Union, and that of North America; the operator sets the country's own. */
const EMERGENCY_NUMBERS = ['112', '911']

/** Makes the database ready to serve: its tables, the platform's CA, and at the first start what the configuration says. */
export async function makeReady(
  store: Store,
  { node, capacities, sealer, clock }: { node: string; capacities: Capacity[]; sealer: Sealer; clock: Clock },
): Promise<void> {
  await store.migrate()
  await store.transaction('platform', async (tx) => {
    await ensureAuthorities(tx, sealer, clock)
    await ensureSiteTls(tx, sealer, clock)
    await seedCapacities(tx, node, capacities)
    if ((await listEmergencyNumbers(tx)).length === 0) await setEmergencyNumbers(tx, EMERGENCY_NUMBERS)
  })
}
