import { createSocket } from 'node:dgram'
import { createServer, isIPv6 } from 'node:net'
import packet from 'dns-packet'

/** What a name has; a text alone is one A record. */
export interface Records {
  A?: string[]
  AAAA?: string[]
  CNAME?: string
  SRV?: { priority?: number; weight?: number; port: number; target: string }[]
  NAPTR?: { order: number; preference: number; services: string; replacement: string }[]
  /** Seconds; default 30. */
  ttl?: number
  /** Of this name alone: nothing at all is said, or SERVFAIL. */
  silent?: true
  fails?: true
}

/** How a server misbehaves. */
export interface DnsMood {
  /** Says nothing at all. */
  silent?: boolean
  /** Ms before each answer. */
  delayMs?: number
  /** By UDP it says only that there is more. */
  cut?: boolean
  /** SERVFAIL for everything. */
  fails?: boolean
  /** Before each answer others come: with another id, to another question, and with a record that nobody asked for. */
  lies?: string
}

/** The office's own DNS server, or the world's: it knows what it is told, and records who asked what. */
export interface Dns extends Disposable {
  readonly questions: { name: string; type: string; from: string; over: 'udp' | 'tcp' }[]
  /** May be changed at any time, as may its mood. Names in lower case. */
  readonly records: Record<string, string | Records>
  mood: DnsMood
}

const SOA = { mname: 'ns.invalid', rname: 'root.invalid', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 1 }

export async function startDns(
  address: string,
  records: Record<string, string | Records>,
  port = 53,
): Promise<Dns & { port: number }> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  const dns: Dns = { questions: [], records, mood: {}, [Symbol.dispose]: close }
  const sockets = new Set<{ destroy(): void }>()
  const server = createServer((connection) => {
    sockets.add(connection)
    connection.on('error', () => {})
    connection.on('close', () => sockets.delete(connection))
    let received = Buffer.alloc(0)
    connection.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      answer(dns, received.subarray(2), connection.remoteAddress ?? '', 'tcp', (bytes) => {
        const head = Buffer.alloc(2)
        head.writeUInt16BE(bytes.length)
        connection.end(Buffer.concat([head, bytes]))
      })
    })
  })
  socket.on('message', (datagram, from) => {
    answer(dns, datagram, from.address, 'udp', (bytes) => {
      try {
        socket.send(bytes, from.port, from.address, () => {})
      } catch {
        // It was closed while an answer was being delayed.
      }
    })
  })
  function close() {
    socket.close()
    server.close()
    for (const one of sockets) one.destroy()
  }
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(port, address, resolve)
  })
  const bound = socket.address().port
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(bound, address, resolve)
  })
  return Object.assign(dns, { port: bound })
}

type Send = (bytes: Buffer) => void

function answer(dns: Dns, datagram: Buffer, from: string, over: 'udp' | 'tcp', send: Send): void {
  let query: packet.DecodedPacket
  try {
    query = packet.decode(datagram)
  } catch {
    return
  }
  const question = query.questions?.[0]
  if (!question) return
  dns.questions.push({ name: question.name, type: question.type, from, over })
  const { silent, delayMs = 0, cut, fails, lies } = dns.mood
  const records = dns.records[question.name.toLowerCase()]
  const its = typeof records === 'object' ? records : {}
  if (silent || its.silent) return
  const id = query.id ?? 0
  const say = (more: Partial<packet.Packet>) => send(packet.encode({ type: 'response', id, questions: [question], ...more }))
  // AUTHORITATIVE_ANSWER and RECURSION_AVAILABLE; NXDOMAIN (3) for names that are not there, of any type.
  const flags = packet.AUTHORITATIVE_ANSWER | packet.RECURSION_AVAILABLE
  const respond = () => {
    // Whoever forges does not have the connection.
    if (lies !== undefined && over === 'udp') {
      const forged = { flags, answers: [{ type: 'A' as const, name: question.name, ttl: 9, data: lies }] }
      say({ ...forged, id: id ^ 1 })
      say({ ...forged, questions: [{ type: question.type, name: 'other.invalid' }] })
    }
    if (fails || its.fails) return say({ flags: flags | 2 })
    if (cut && over === 'udp') return say({ flags: flags | packet.TRUNCATED_RESPONSE })
    const answers = records === undefined ? [] : found(question, typeof records === 'string' ? { A: [records] } : records)
    const authorities = answers.length > 0 ? [] : [{ type: 'SOA' as const, name: 'invalid', ttl: 1, data: SOA }]
    const additionals = lies === undefined ? [] : [{ type: 'A' as const, name: question.name, ttl: 9, data: lies }]
    say({ flags: flags | (records === undefined ? 3 : 0), answers, authorities, additionals })
  }
  if (delayMs > 0) setTimeout(respond, delayMs)
  else respond()
}

function found({ name, type }: packet.Question, records: Records): packet.Answer[] {
  const { ttl = 30 } = records
  if (records.CNAME) return [{ type: 'CNAME', name, ttl, data: records.CNAME }]
  if (type === 'A' || type === 'AAAA') return (records[type] ?? []).map((data) => ({ type, name, ttl, data }))
  if (type === 'SRV') return (records.SRV ?? []).map((data) => ({ type, name, ttl, data }))
  if (type === 'NAPTR')
    return (records.NAPTR ?? []).map((data) => ({ type, name, ttl, data: { flags: 's', regexp: '', ...data } }))
  return []
}
