import type { AudioCodec, CodecName } from './codec.ts'
import { G711_CODECS } from './g711-codec.ts'
import { G722_CODEC } from './g722.ts'
import { L16_CODECS } from './l16.ts'
import { opusCodec } from './opus.ts'

export const CODECS: ReadonlyMap<string, AudioCodec> = new Map(
  [...G711_CODECS, G722_CODEC, ...L16_CODECS, opusCodec].map((codec) => [codec.name, codec]),
)

/** The codec of a name that was negotiated. */
export function codecOf(name: CodecName): AudioCodec {
  return CODECS.get(name)!
}

/** The codecs whose payloads are this one's, as they are or by a table: the two laws of G.711 for each other. Itself first. */
export function alike(name: CodecName): readonly CodecName[] {
  return name === 'PCMU' ? ['PCMU', 'PCMA'] : name === 'PCMA' ? ['PCMA', 'PCMU'] : [name]
}
