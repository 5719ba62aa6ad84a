import type { CodecPolicy, DigitPolicy, TonePolicy } from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'

interface CodecColumns {
  codecs: CodecName[] | null
  transcode: boolean
  renegotiate: boolean
  digits: DigitPolicy
  tones: TonePolicy
}

/** The columns of what may be spoken, as they are written. */
export function rowOfCodecs({
  codecs = [],
  transcode = true,
  renegotiate = true,
  digits = 'tones',
  tones = 'keys',
}: CodecPolicy): CodecColumns {
  return { codecs: codecs.length > 0 ? codecs : null, transcode, renegotiate, digits, tones }
}

/** What they say; nothing for what is usual. */
export function codecsOfRow({ codecs, transcode, renegotiate, digits, tones }: CodecColumns): CodecPolicy {
  return {
    ...(codecs ? { codecs } : {}),
    ...(transcode ? {} : { transcode }),
    ...(renegotiate ? {} : { renegotiate }),
    ...(digits === 'tones' ? {} : { digits }),
    ...(tones === 'keys' ? {} : { tones }),
  }
}
