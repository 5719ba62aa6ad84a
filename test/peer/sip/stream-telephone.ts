import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { until } from '../clock.ts'
import { cseqOf, headerOf, type Message } from './message.ts'
import type { Asking } from './register.ts'
import type { Hop } from './socket.ts'
import { accepted, PeerConnection } from './stream-peer.ts'

export interface StreamTelephoneOptions {
  address: string
  to: Hop
  /** Speaks TLS, and takes only what this CA has signed. PEM. */
  ca?: string
}

/** A telephone that listens nowhere: all that it says and hears goes by one connection that it has opened. */
export class StreamTelephone implements Asking {
  readonly connection: PeerConnection
  readonly address: string
  /** The port that its connection leaves from. */
  readonly port: number
  readonly transport: 'tcp' | 'tls'

  private constructor(socket: Socket, address: string, port: number, transport: 'tcp' | 'tls') {
    this.connection = new PeerConnection(socket)
    this.address = address
    this.port = port
    this.transport = transport
    this.connection.onMessage = (message) => {
      if (message.method !== undefined && message.method !== 'ACK') this.connection.send(accepted(message, this))
    }
  }

  /** Rejects where the far end does not listen, or does not prove who it is. */
  static async open({ address, to, ca }: StreamTelephoneOptions): Promise<StreamTelephone> {
    const raw = connectTcp({ host: to.address, port: to.port, localAddress: address })
    const socket = ca === undefined ? raw : connectTls({ socket: raw, host: to.address, ca, ALPNProtocols: [] })
    try {
      await once(socket, ca === undefined ? 'connect' : 'secureConnect')
    } catch (error) {
      raw.destroy()
      throw error
    }
    return new StreamTelephone(socket, address, raw.localPort ?? 0, ca === undefined ? 'tcp' : 'tls')
  }

  via(branch: string): [string, string] {
    return ['Via', `SIP/2.0/${this.transport.toUpperCase()} ${this.address}:${this.port};branch=${branch};rport`]
  }

  async ask(request: Message, _to: Hop, branch: string): Promise<Message> {
    const mine = (m: Message) =>
      (m.status ?? 0) >= 200 && cseqOf(m).method === request.method && headerOf(m, 'via').includes(branch)
    this.connection.send(request)
    return await until('a final response', () => this.connection.messages.find(mine), 4000)
  }

  /** Where it wants to be called: the end of its connection. */
  contact(user: string): string {
    return `<sip:${user}@${this.address}:${this.port};transport=${this.transport}>`
  }

  close(): void {
    this.connection.socket.destroy()
  }
}
