import { createSocket } from 'node:dgram'
import packet from 'dns-packet'

/** The office's own DNS server: A records of one zone over UDP, and a record of who asked what. */
export interface Dns extends Disposable {
  readonly questions: { name: string; from: string }[]
}

export async function startDns(address: string, records: Record<string, string>, port = 53): Promise<Dns & { port: number }> {
  const socket = createSocket('udp4')
  const questions: { name: string; from: string }[] = []
  socket.on('message', (datagram, from) => {
    let query: packet.DecodedPacket
    try {
      query = packet.decode(datagram)
    } catch {
      return
    }
    const question = query.questions?.[0]
    if (!question) return
    questions.push({ name: question.name, from: from.address })
    const data = records[question.name.toLowerCase()]
    const answers = data && question.type === 'A' ? [{ type: 'A' as const, name: question.name, ttl: 30, data }] : []
    // AUTHORITATIVE_ANSWER and RECURSION_AVAILABLE; NXDOMAIN (3) for names that are not there, of any type.
    const flags = packet.AUTHORITATIVE_ANSWER | packet.RECURSION_AVAILABLE | (data ? 0 : 3)
    const answer = packet.encode({ type: 'response', id: query.id ?? 0, flags, questions: [question], answers })
    socket.send(answer, from.port, from.address)
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(port, address, resolve)
  })
  return { questions, port: socket.address().port, [Symbol.dispose]: () => socket.close() }
}
