import { createHash } from 'node:crypto'
import { headersOf, type Message } from './message.ts'
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
}

/** REGISTER by hand, with digest (MD5, written apart from ours): answers with the final response, challenged or not. */
export async function register(socket: Asking, options: RegisterOptions): Promise<Message> {
  const callId = newTag()
  const first = await ask(socket, options, callId, 1)
  if (first.status !== 401) return first
  const challenge = headersOf(first, 'www-authenticate').find((value) => /algorithm=MD5/.test(value)) ?? ''
  const field = (name: string) => new RegExp(`[ ,]${name}="([^"]+)`).exec(challenge)?.[1] ?? ''
  return ask(socket, options, callId, 2, answer(options, field('realm'), field('nonce')))
}

function answer({ user, password, to }: RegisterOptions, realm: string, nonce: string): string {
  const md5 = (text: string) => createHash('md5').update(text).digest('hex')
  const uri = `sip:${to.address}`
  const ha1 = md5(`${user}:${realm}:${password}`)
  const response = md5(`${ha1}:${nonce}:00000001:c0ffee:auth:${md5(`REGISTER:${uri}`)}`)
  return (
    `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", ` +
    'algorithm=MD5, qop=auth, nc=00000001, cnonce="c0ffee"'
  )
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
  const aor = `<sip:${options.for ?? user}@${to.address}>`
  const message: Message = {
    method: 'REGISTER',
    uri: `sip:${to.address}`,
    headers: [
      socket.via(branch),
      ['Max-Forwards', '70'],
      ['From', `${aor};tag=${newTag()}`],
      ['To', aor],
      ['Call-ID', callId],
      ['CSeq', `${sequence} REGISTER`],
      ['Contact', (options.contact ?? `<sip:${user}@${socket.address}:${socket.port}>`) + (options.params ?? '')],
      ['Expires', String(expires)],
      ...(authorization ? ([['Authorization', authorization]] as [string, string][]) : []),
    ],
    body: '',
  }
  return socket.ask(message, to, branch)
}
