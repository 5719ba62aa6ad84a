import type { Stage } from '../stage.ts'

/** Both bills; the sum of the lines equals the leases. */
export async function bills(_stage: Stage): Promise<void> {}
