import { belleSip } from './belle-sip.ts'
import { osip } from './osip.ts'
import type { Reader } from './reader.ts'
import { sofia } from './sofia.ts'

export type { Reader, Reading, ReadParty } from './reader.ts'

/** All of them, ready to read. */
export function readers(): Reader[] {
  return [osip(), sofia(), belleSip()]
}
