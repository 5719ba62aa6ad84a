import { floodMessage } from '../test/peer/sip/flood.ts'
import { RawEnd } from '../test/peer/sip/raw.ts'

/** What the bench tells a sender: where it sits, whom it floods, and how. */
export interface FloodOrders {
  address: string
  to: { address: string; port: number }
  user: string
  perSecond: number
  ms: number
}

/** What the sender has seen in the end. */
export interface FloodResult {
  sent: number
  heard: number
}

/** A flood has a process of its own, so that its sending is not what slows the bench. */
process.once('message', async (orders: FloodOrders) => {
  await using end = await RawEnd.open(orders.address)
  const sent = await end.flood(floodMessage(end, orders.to, orders.user), orders.to, orders.perSecond, orders.ms)
  process.send!({ sent, heard: end.heard.length } satisfies FloodResult, () => process.disconnect())
})
