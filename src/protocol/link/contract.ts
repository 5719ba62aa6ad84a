import type { Link } from './link.ts'
import type { Written } from './message.ts'

/**
 * What one side of a link does, named by its own point of view. Each member is a contract type as `platform/words` has
 * them: methods are `{ [method]: { params; result } }`, notifications `{ [name]: params }`.
 */
export interface LinkTypes {
  /** Methods that this side answers. */
  answers?: object
  /** Methods that this side calls. */
  calls?: object
  /** Notifications that come in. */
  hears?: object
  /** Notifications that go out. */
  says?: object
}

type Nothing = Record<never, never>
export type Answers<T> = T extends { answers: infer M extends object } ? M : Nothing
export type Calls<T> = T extends { calls: infer M extends object } ? M : Nothing
export type Hears<T> = T extends { hears: infer N extends object } ? N : Nothing
export type Says<T> = T extends { says: infer N extends object } ? N : Nothing

export type Params<M, K extends keyof M> = M[K] extends { params: infer P } ? P : never
export type Result<M, K extends keyof M> = M[K] extends { result: infer R } ? R : never

/** What a handler is told beside its parameters. */
export interface CallContext<T extends LinkTypes = LinkTypes> {
  /** The link that the call came in on. */
  link: Link<T>
  /** Aborts when the caller gives up or the link is lost. Made on first use: a handler that never asks pays nothing. */
  readonly signal: AbortSignal
}

/** One function for each method; what it throws goes to the caller, a TielineError with verdict and details. */
export type Handlers<M, T extends LinkTypes = LinkTypes> = {
  [K in keyof M]: (
    params: Params<M, K>,
    context: CallContext<T>,
  ) => Result<M, K> | Written<Result<M, K>> | Promise<Result<M, K> | Written<Result<M, K>>>
}

/** One function for each notification that this side cares for; others are dropped. */
export type Listeners<N, T extends LinkTypes = LinkTypes> = { [K in keyof N]?: (params: N[K], link: Link<T>) => void }

/** How a process introduces itself. */
export interface Hello {
  /** Which of our processes it is: `switch`, `agent`. */
  process: string
  /** The version of the contract; one release of difference works. */
  version: number
  /** Further facts that the other side needs at once, such as which deployment an agent is. */
  facts?: Record<string, unknown>
}

export interface CallOptions {
  /** Ms until the call rejects with `timeout`. Default: as long as the link lives, for the heartbeat finds a dead peer. */
  timeoutMs?: number
  /** Gives the call up: the other side's `context.signal` aborts, and the call rejects with the signal's reason. */
  signal?: AbortSignal
}
