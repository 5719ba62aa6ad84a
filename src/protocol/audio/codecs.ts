import type { AudioCodec, CodecName } from './codec.ts'
import { G711_CODECS } from './g711-codec.ts'
import { G722_CODEC } from './g722.ts'
import { L16_CODECS } from './l16.ts'
import { opusCodec } from './opus.ts'

const CODECS: ReadonlyMap<string, AudioCodec> = new Map(
  [...G711_CODECS, G722_CODEC, ...L16_CODECS, opusCodec].map((codec) => [codec.name, codec]),
)

/** The codec of a name that was negotiated. */
export function codecOf(name: CodecName): AudioCodec {
  return CODECS.get(name)!
}

export const CODEC_NAMES: readonly CodecName[] = [...CODECS.values()].map(({ name }) => name)
