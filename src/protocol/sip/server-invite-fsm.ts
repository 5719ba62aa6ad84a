/**
 * RFC 3261 §17.2.1 as RFC 6026 §8.5 amends it: the INVITE server transaction.
 *
 *                  | INVITE                      INVITE: send again
 *                  v           send 2xx          +---+
 *             Proceeding ----------------> Accepted --+
 *   send 300-699   |                           | L
 *                  v      H: no ACK came       v
 *              Completed ------------------> Terminated
 *        G: send   | ACK                       ^
 *                  v            I              |
 *              Confirmed ----------------------+
 */
export type InviteServerState = 'Proceeding' | 'Completed' | 'Confirmed' | 'Accepted' | 'Terminated'

export type InviteServerEvent = 'INVITE' | 'ACK' | 'send 1xx' | 'send 2xx' | 'send 300-699' | 'G' | 'H' | 'I' | 'L'

export type ServerAction =
  | 'send' // the response that has just been given
  | 'resend' // the last response
  | 'start G'
  | 'double G'
  | 'stop G'
  | 'start H'
  | 'start I'
  | 'start J'
  | 'start L'

export interface ServerStep<State> {
  readonly state: State
  readonly actions: readonly ServerAction[]
}

/** What the transaction becomes and does. An event that a state does not name is absorbed. */
export function inviteServer(state: InviteServerState, event: InviteServerEvent): ServerStep<InviteServerState> {
  switch (state) {
    case 'Proceeding':
      // §17.2.1: a repeated INVITE gets the last provisional response again.
      if (event === 'INVITE') return { state, actions: ['resend'] }
      if (event === 'send 1xx') return { state, actions: ['send'] }
      if (event === 'send 2xx') return { state: 'Accepted', actions: ['send', 'start L'] }
      if (event === 'send 300-699') return { state: 'Completed', actions: ['send', 'start G', 'start H'] }
      return { state, actions: [] }
    case 'Completed':
      if (event === 'INVITE') return { state, actions: ['resend'] }
      // §17.2.1: timer G doubles up to T2.
      if (event === 'G') return { state, actions: ['resend', 'double G'] }
      if (event === 'ACK') return { state: 'Confirmed', actions: ['stop G', 'start I'] }
      if (event === 'H') return { state: 'Terminated', actions: ['stop G'] }
      return { state, actions: [] }
    case 'Confirmed':
      // §17.2.1: repeated ACKs are absorbed until timer I.
      if (event === 'I') return { state: 'Terminated', actions: [] }
      return { state, actions: [] }
    case 'Accepted':
      // RFC 6026 §7.1: repeats of the INVITE are absorbed; the transaction user repeats its 2xx by itself.
      if (event === 'send 2xx') return { state, actions: ['send'] }
      if (event === 'L') return { state: 'Terminated', actions: [] }
      return { state, actions: [] }
    case 'Terminated':
      return { state, actions: [] }
  }
}
