import { isIP, SocketAddress } from 'node:net'
import type { Sealer } from '#platform/subscriber/index.ts'
import type { PbxConfig, PbxTls } from '#platform/words/index.ts'
import { sealedTls } from './trust.ts'

/** A PBX as it is asked for, with the key of its certificate in the clear. */
export type PbxOrder = Omit<PbxConfig, 'tls'> & { tls?: Omit<PbxTls, 'key'> & { key?: string } }

/** A PBX with its key sealed, and its port, which a name may have in its SRV records instead (RFC 3263 §4.2). */
export function completePbx(
  order: PbxOrder | null | undefined,
  { seal }: Pick<Sealer, 'seal'>,
  known: PbxConfig | null = null,
): PbxConfig | null {
  if (!order) return null
  const { tls, ...rest } = order
  const host = rest.host === undefined ? {} : { host: canonical(rest.host) }
  const pbx: PbxConfig = { ...rest, ...host, ...(tls ? { tls: sealedTls(tls, known?.tls, seal) } : {}) }
  const named = pbx.host !== undefined && isIP(pbx.host) === 0
  return pbx.port === undefined && !named ? { ...pbx, port: pbx.transport === 'tls' ? 5061 : 5060 } : pbx
}

/** An address as the kernel writes it (RFC 5952), without the brackets that it has in a URI; a name as it is. */
export function canonical(host: string): string {
  const bare = /^\[(.*)\]$/.exec(host)?.[1] ?? host
  return isIP(bare) === 6 ? new SocketAddress({ address: bare, family: 'ipv6' }).address : isIP(bare) === 4 ? bare : host
}
