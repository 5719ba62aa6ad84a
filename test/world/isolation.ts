import { createHash } from 'node:crypto'
import { type Packet, readPcap } from './pcap.ts'

/**
 * What makes a packet recognisable wherever it passes: addresses and all after the IP header, without what changes on the
 * way (TTL, and checksums, which a virtual cable leaves unfinished). Two different packets that agree in it would have to
 * share TCP sequence numbers, RTP sources or SIP branches, which are random.
 */
function fingerprint({ source, destination, protocol, body }: Packet): string {
  const hash = createHash('sha1').update(`${source} ${destination} ${protocol} `)
  const checksum = protocol === 17 ? 6 : protocol === 6 ? 16 : null
  if (checksum === null) hash.update(body)
  else hash.update(body.subarray(0, checksum)).update(body.subarray(checksum + 2))
  return hash.digest('base64')
}

/** Packets that many hosts send alike, and that say nothing: none of TCP, and of UDP and ICMP those without content. */
function isTelling(packet: Packet): boolean {
  if (packet.protocol === 6) return true
  return packet.body.length > 12
}

function fingerprints(files: Iterable<string>): Map<string, Packet> {
  const found = new Map<string, Packet>()
  for (const file of files) for (const packet of readPcap(file)) if (isTelling(packet)) found.set(fingerprint(packet), packet)
  return found
}

export interface IsolationReport {
  /** Packets by party, counted once wherever they pass. */
  counts: Record<string, number>
  /** Packets that were seen in namespaces of both parties: must be none. */
  shared: { between: [string, string]; packet: string }[]
}

function describe(packet: Packet): string {
  const { source, destination, ports, protocol } = packet
  return `${source}:${ports?.source ?? ''} > ${destination}:${ports?.destination ?? ''} protocol ${protocol} ${packet.payload.subarray(0, 40).toString('latin1')}`
}

/** Compares what was captured in the namespaces of each party: no packet may have been in those of two. */
export function compareParties(parties: Record<string, string[]>): IsolationReport {
  const seen = Object.entries(parties).map(([name, files]) => ({ name, packets: fingerprints(files) }))
  const report: IsolationReport = { counts: {}, shared: [] }
  for (const [i, a] of seen.entries()) {
    report.counts[a.name] = a.packets.size
    for (const b of seen.slice(i + 1))
      for (const [print, packet] of a.packets)
        if (b.packets.has(print)) report.shared.push({ between: [a.name, b.name], packet: describe(packet) })
  }
  return report
}

/** Packets of a file that have an address of the given prefix in clear: none may be outside its owner's namespaces. */
export function inClear(file: string, prefix: string): string[] {
  const found: string[] = []
  for (const packet of readPcap(file))
    if (packet.source.startsWith(prefix) || packet.destination.startsWith(prefix)) found.push(describe(packet))
  return found
}

/** How many distinct packets were seen in both files: what proves that the captures see a path where there is one. */
export function common(a: string, b: string): number {
  const first = fingerprints([a])
  let count = 0
  for (const print of fingerprints([b]).keys()) if (first.has(print)) count++
  return count
}
