/**
 * RFC 3261 §17.1.1 as RFC 6026 §8.4 amends it: the INVITE client transaction.
 *
 *                        | INVITE sent
 *      A: send           v            B: timeout
 *        +---------- Calling ------------------+
 *        +------------^ |  \  2xx              |
 *               1xx     v   \ ------> Accepted | M
 *                  Proceeding  2xx -----^ |    |
 *   300-699: ack        |                 v    v
 *        +--------> Completed -------> Terminated
 *                    D
 */
export type InviteClientState = 'Calling' | 'Proceeding' | 'Completed' | 'Accepted' | 'Terminated'

export type InviteClientEvent = '1xx' | '2xx' | '300-699' | 'A' | 'B' | 'D' | 'M'

export type ClientAction =
  | 'send' // the request once more
  | 'pass' // the response to the transaction user
  | 'ack' // acknowledge a final answer of 300 or more
  | 'timeout' // tell the transaction user that no answer came
  | 'double A'
  | 'double E'
  | 'stop A'
  | 'start D'
  | 'start M'
  | 'start K'
  | 'E to T2'

export interface ClientStep<State> {
  readonly state: State
  readonly actions: readonly ClientAction[]
}

/** What the transaction becomes and does. An event that a state does not name is absorbed. */
export function inviteClient(state: InviteClientState, event: InviteClientEvent): ClientStep<InviteClientState> {
  switch (state) {
    case 'Calling':
      // §17.1.1.2: timer A sends again and doubles, without the cap of T2.
      if (event === 'A') return { state, actions: ['send', 'double A'] }
      // §17.1.1.2: timer B gives up.
      if (event === 'B') return { state: 'Terminated', actions: ['timeout'] }
      if (event === '1xx') return { state: 'Proceeding', actions: ['stop A', 'pass'] }
      if (event === '2xx') return { state: 'Accepted', actions: ['stop A', 'start M', 'pass'] }
      if (event === '300-699') return { state: 'Completed', actions: ['stop A', 'ack', 'start D', 'pass'] }
      return { state, actions: [] }
    case 'Proceeding':
      if (event === '1xx') return { state, actions: ['pass'] }
      if (event === '2xx') return { state: 'Accepted', actions: ['start M', 'pass'] }
      if (event === '300-699') return { state: 'Completed', actions: ['ack', 'start D', 'pass'] }
      // §9.1: 64*T1 after a CANCEL without a final answer the transaction counts as cancelled. The transaction user
      // starts that timer; it is our only one here.
      if (event === 'B') return { state: 'Terminated', actions: ['timeout'] }
      return { state, actions: [] }
    case 'Completed':
      // §17.1.1.2: each repeat is acknowledged again, and not passed up.
      if (event === '300-699') return { state, actions: ['ack'] }
      if (event === 'D') return { state: 'Terminated', actions: [] }
      return { state, actions: [] }
    case 'Accepted':
      // RFC 6026 §7.2: every 2xx goes up, repeats and those of other forks alike.
      if (event === '2xx') return { state, actions: ['pass'] }
      // Not in the RFC's drawing: whoever forks without being a proxy refuses for another fork, and repeats that until its ACK.
      if (event === '300-699') return { state, actions: ['ack'] }
      if (event === 'M') return { state: 'Terminated', actions: [] }
      return { state, actions: [] }
    case 'Terminated':
      return { state, actions: [] }
  }
}
