import type { CodecName } from '#protocol/audio/index.ts'

const CODECS: Record<CodecName, true> = { PCMU: true, PCMA: true, G722: true, 'L16/16000': true, 'L16/8000': true, opus: true }

/** What a codec may be called in an order, in the API and in a command, which would load all codecs for their names. */
export const CODEC_NAMES = Object.keys(CODECS) as readonly CodecName[]
