import { buildRequest, type RequestParts } from './build.ts'
import type { ClientTransaction } from './client-transaction.ts'
import { type Core, NOBODY, sentOf } from './core.ts'
import type { HeaderList } from './types.ts'

/**
 * Cancels an INVITE that has had a provisional answer: same branch, Request-URI, Call-ID, From, To and CSeq number
 * (RFC 3261 §9.1). Its final answer is then awaited for 64*T1.
 */
export function sendCancel(core: Core, invite: ClientTransaction, headers?: HeaderList): void {
  const parts: RequestParts = { ...invite.sent, method: 'CANCEL', headers }
  core.transactions.addClient(invite.branch, sentOf(parts), buildRequest(parts), invite.hop, NOBODY).start()
  invite.limit()
}
