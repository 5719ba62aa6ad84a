import type { WireError } from './error.ts'

/** A JSON-RPC 2.0 message, sorted by what it is. */
export type Message =
  | { kind: 'request'; id: number; method: string; params: unknown }
  | { kind: 'notification'; method: string; params: unknown }
  | { kind: 'result'; id: number; result: unknown }
  | { kind: 'error'; id: number; error: WireError }

/** Reads one line, or answers null when it is not a message of ours. Batches are not (nothing of ours sends them). */
export function parseMessage(line: string): Message | null {
  let m: Record<string, unknown>
  try {
    m = JSON.parse(line)
  } catch {
    return null
  }
  if (typeof m !== 'object' || m === null || m.jsonrpc !== '2.0') return null
  const { id, method } = m
  if (typeof method === 'string') {
    if (id === undefined) return { kind: 'notification', method, params: m.params }
    return typeof id === 'number' ? { kind: 'request', id, method, params: m.params } : null
  }
  if (typeof id !== 'number') return null
  const error = m.error as WireError | undefined
  if (error === undefined) return 'result' in m ? { kind: 'result', id, result: m.result } : null
  return typeof error === 'object' && error !== null && typeof error.message === 'string' ? { kind: 'error', id, error } : null
}

// The envelope is written by hand: it is the same for each message, and half of the time that a message takes to write.

export function requestLine(id: number, method: string, params: unknown): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${JSON.stringify(params) ?? 'null'}}\n`
}

export function notificationLine(method: string, params: unknown): string {
  return `{"jsonrpc":"2.0","method":"${method}","params":${JSON.stringify(params) ?? 'null'}}\n`
}

export function resultLine(id: number, result: unknown): string {
  const json = result instanceof Written ? result.json : (JSON.stringify(result) ?? 'null')
  return `{"jsonrpc":"2.0","id":${id},"result":${json}}\n`
}

/** A result whose JSON is there already, without a line feed: it goes out as it is. */
export class Written<R> {
  readonly json: string
  declare readonly result: R

  constructor(json: string) {
    this.json = json
  }
}

export function errorLine(id: number, error: WireError): string {
  return `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}\n`
}
