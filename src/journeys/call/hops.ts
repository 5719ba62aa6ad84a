import { isIP } from 'node:net'
import type { Leg } from '#platform/switch/index.ts'
import { type GatewayServer, patience, serverHop } from '#platform/trunk/index.ts'
import type { TrunkConfig } from '#platform/words/index.ts'
import { formatUri, type Hop } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import type { Road } from './road.ts'

/** Servers of a site's name that one call tries; more would outlast its fallback. */
const MOST_OF_SITE = 4

/** One place where an INVITE may go. */
export interface NextHop {
  hop: Hop
  /** On a trunk, whose place it is. */
  server?: GatewayServer
  /** What is asked for there, where somebody else has said it. */
  uri?: string
  /** Whom it is for, where a carrier has sent the call there. */
  number?: string
}

/** All of them, in order, and the names of a site that DNS tells nothing of. */
export interface Hops {
  hops: NextHop[]
  unknown: readonly string[]
}

const NONE: readonly string[] = []

/**
 * Where the INVITE goes. None where no server of a trunk is known; who has asked to be left alone is, except by an
 * emergency call. @throws NameNotResolved
 */
export function hopsOf(call: Call, road: Road, leg: Leg, { emergency }: { emergency: boolean }): Promise<Hops> | Hops {
  if (road.via === 'trunk') {
    const ready = call.x.gateways.ready(road.trunk)
    return ready
      ? Promise.race([ready, leg.ended]).then(() => ofTrunk(call, road.trunk, emergency))
      : ofTrunk(call, road.trunk, emergency)
  }
  return road.contact ? { hops: [{ hop: road.contact.hop }], unknown: NONE } : ofSite(call, road, leg)
}

function ofTrunk({ x: { gateways } }: Call, trunk: TrunkConfig, emergency: boolean): Hops {
  const hops: NextHop[] = []
  for (const server of gateways.order(trunk))
    if (emergency || !gateways.rests(server)) hops.push({ server, hop: serverHop(trunk, server) })
  return { hops, unknown: NONE }
}

async function ofSite(call: Call, road: Road & { via: 'channel' }, leg: Leg): Promise<Hops> {
  const site = call.x.realms.get(call.subscriber.id)!
  const { host, port, transport } = road
  const wanted = { name: host, port, transport }
  const how = { from: site.addresses, patienceMs: call.x.limits.channelPatienceMs }
  const nowhere = leg.ended.then(() => ({ servers: [], unknown: [] }))
  const { servers, unknown } = await Promise.race([site.names.find(wanted, how), nowhere])
  const named = isIP(host) === 0
  const hops = servers.slice(0, MOST_OF_SITE).map(
    ({ transport, address, port }): NextHop => ({
      // Whatever the name leads to, a certificate is for the name (RFC 5922 §4).
      hop: { transport, address, port, ...(named ? { name: host } : {}) },
      // The name stays what is asked for (RFC 3263 §4), as it was written.
      ...(named ? { uri: uriAt(road) } : {}),
    }),
  )
  return { hops, unknown }
}

/** What DNS does not tell, as it is known now, in sentences. */
export function untold(call: Call, road: Road, { unknown }: Hops): readonly string[] {
  if (road.via === 'trunk') return call.x.gateways.untold(road.trunk)
  return unknown.map((name) => `DNS does not tell the address of ${name}`)
}

function uriAt({ user, host, port, transport }: Road & { via: 'channel' }): string {
  const params = transport === undefined || transport === 'udp' ? {} : { params: { transport } }
  return formatUri({ user, host, ...(port === undefined ? {} : { port }), ...params })
}

/**
 * Ms that each of a road's places may be silent. Those of a site share the time in which its one server would have been passed
 * by twice, so that the road round a dead channel is taken within 3 s (PITFALLS T12).
 */
export function silenceOf(call: Call, road: Road, { count, isLast }: { count: number; isLast: boolean }): number {
  const { channelPatienceMs } = call.x.limits
  return road.via === 'trunk' ? patience(isLast) : Math.min(channelPatienceMs, (2 * channelPatienceMs) / count)
}

/** Tells whoever orders the places of the next call that this one said nothing. */
export function tellSilent(call: Call, { server, hop, uri }: NextHop): void {
  if (server) call.x.gateways.silent(server)
  else if (uri !== undefined) call.x.realms.get(call.subscriber.id)?.names.silent(hop)
}

/** And that it is there. */
export function tellAlive(call: Call, { server, hop, uri }: NextHop): void {
  if (!server && uri !== undefined) call.x.realms.get(call.subscriber.id)?.names.answered(hop)
}
