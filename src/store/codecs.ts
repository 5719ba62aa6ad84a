import type { CodecPolicy, DigitPolicy } from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'

interface CodecColumns {
  codecs: CodecName[] | null
  transcode: boolean
  renegotiate: boolean
  digits: DigitPolicy
}

/** The columns of what may be spoken, as they are written. */
export function rowOfCodecs({ codecs = [], transcode = true, renegotiate = true, digits = 'tones' }: CodecPolicy): CodecColumns {
  return { codecs: codecs.length > 0 ? codecs : null, transcode, renegotiate, digits }
}

/** What they say; nothing for what is usual. */
export function codecsOfRow({ codecs, transcode, renegotiate, digits }: CodecColumns): CodecPolicy {
  return {
    ...(codecs ? { codecs } : {}),
    ...(transcode ? {} : { transcode }),
    ...(renegotiate ? {} : { renegotiate }),
    ...(digits === 'tones' ? {} : { digits }),
  }
}
