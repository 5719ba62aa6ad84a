import { digestAnswer } from './digest.ts'
import { headersOf, hostText, type Message } from './message.ts'
import { type Hop, newBranch, newTag } from './socket.ts'

/** By what a telephone asks: a socket, or a connection of its own. */
export interface Asking {
  address: string
  port: number
  via(branch: string): [string, string]
  /** Resolves with the final response. */
  ask(request: Message, to: Hop, branch: string): Promise<Message>
}

export interface RegisterOptions {
  to: Hop
  user: string
  password: string
  /** Seconds; 0 takes the contact back. */
  expires: number
  /** Default `<sip:user@address:port>`; `*` for all. */
  contact?: string
  /** Registers for this user instead: a telephone that lies. */
  for?: string
  /** Behind the contact, such as `;+sip.instance="<urn:uuid:…>";reg-id=1`. */
  params?: string
  /** Default MD5. */
  algorithm?: 'MD5' | 'SHA-256'
}

/** REGISTER by hand, with digest: answers with the final response, challenged or not. */
export async function register(socket: Asking, options: RegisterOptions): Promise<Message> {
  const callId = newTag()
  const first = await ask(socket, options, callId, 1)
  if (first.status !== 401) return first
  const { algorithm } = options
  const how = { method: 'REGISTER', uri: `sip:${hostText(options.to.address)}`, ...(algorithm ? { algorithm } : {}) }
  return ask(socket, options, callId, 2, digestAnswer(headersOf(first, 'www-authenticate'), options, how))
}

function ask(
  socket: Asking,
  options: RegisterOptions,
  callId: string,
  sequence: number,
  authorization?: string,
): Promise<Message> {
  const { to, user, expires } = options
  const branch = newBranch()
  const aor = `<sip:${options.for ?? user}@${hostText(to.address)}>`
  const message: Message = {
    method: 'REGISTER',
    uri: `sip:${hostText(to.address)}`,
    headers: [
      socket.via(branch),
      ['Max-Forwards', '70'],
      ['From', `${aor};tag=${newTag()}`],
      ['To', aor],
      ['Call-ID', callId],
      ['CSeq', `${sequence} REGISTER`],
      ['Contact', (options.contact ?? `<sip:${user}@${hostText(socket.address)}:${socket.port}>`) + (options.params ?? '')],
      ['Expires', String(expires)],
      ...(authorization ? ([['Authorization', authorization]] as [string, string][]) : []),
    ],
    body: '',
  }
  return socket.ask(message, to, branch)
}
