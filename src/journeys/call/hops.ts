import type { Leg } from '#platform/switch/index.ts'
import { type GatewayServer, patience, serverHop } from '#platform/trunk/index.ts'
import type { Hop } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import type { Road } from './road.ts'

/** One place where an INVITE may go. */
export interface NextHop {
  hop: Hop
  /** On a trunk, whose place it is. */
  server?: GatewayServer
  /** What is asked for there, where somebody else has said it. */
  uri?: string
}

/**
 * Where the INVITE goes, in order. None where no server of a trunk is known; who has asked to be left alone is, except by an
 * emergency call. @throws NameNotResolved
 */
export async function hopsOf(call: Call, road: Road, leg: Leg, { emergency }: { emergency: boolean }): Promise<NextHop[]> {
  if (road.via === 'trunk') {
    const { gateways } = call.x
    const ready = gateways.ready(road.trunk)
    if (ready) await Promise.race([ready, leg.ended])
    const servers = gateways.order(road.trunk).filter((server) => emergency || !gateways.rests(server))
    return servers.map((server) => ({ server, hop: serverHop(road.trunk, server) }))
  }
  if (road.contact) return [{ hop: road.contact.hop }]
  const site = call.x.realms.get(call.subscriber.id)
  const found = await Promise.race([site!.resolver.resolve(road.host, call.x.limits.channelPatienceMs / 2), leg.ended])
  const address = typeof found === 'string' ? found : ''
  return [{ hop: { transport: road.transport, address, port: road.port } }]
}

/** Ms that a place may be silent. */
export function silenceOf(call: Call, road: Road, isLast: boolean): number {
  return road.via === 'trunk' ? patience(isLast) : call.x.limits.channelPatienceMs
}
