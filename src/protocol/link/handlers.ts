import type { CallContext, LinkTypes } from './contract.ts'
import type { Link } from './link.ts'

// A Map, since names come from the other side: `toString` is no method of ours.

export function methodMap<T extends LinkTypes>(methods: object | undefined) {
  return new Map(Object.entries(methods ?? {}) as [string, (params: never, context: CallContext<T>) => unknown][])
}

export function listenerMap<T extends LinkTypes>(listeners: object | undefined) {
  return new Map(Object.entries(listeners ?? {}) as [string, (params: never, link: Link<T>) => void][])
}
