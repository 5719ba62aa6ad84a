import type { Stage } from '../stage.ts'
import { knownCaller } from './1-known-caller.ts'
import { unknownCaller } from './2-unknown-caller.ts'
import { tunnelCut } from './3-tunnel-cut.ts'
import { ceilings } from './4-ceilings.ts'
import { agentDies } from './5-agent-dies.ts'
import { switchDies } from './6-switch-dies.ts'
import { bills } from './7-bills.ts'
import { isolation } from './8-isolation.ts'

export interface Scene {
  number: number
  title: string
  play(stage: Stage): Promise<void>
}

/** The demonstration, in order. Each scene leaves the stage as it found it. */
export const SCENES: readonly Scene[] = [
  { number: 1, title: 'A known caller calls both offices at once', play: knownCaller },
  { number: 2, title: 'An unknown caller, a voice, a digit, and the trunk', play: unknownCaller },
  { number: 3, title: 'The tunnel is cut', play: tunnelCut },
  { number: 4, title: 'More calls than the ceiling, an empty pool, an emergency', play: ceilings },
  { number: 5, title: 'The agent dies, and another time it sleeps', play: agentDies },
  { number: 6, title: 'The switch is killed with twenty calls up', play: switchDies },
  { number: 7, title: 'Both bills', play: bills },
  { number: 8, title: 'Proof of isolation', play: isolation },
]
