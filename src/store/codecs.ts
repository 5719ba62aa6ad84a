import type { CodecPolicy } from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'

/** The columns of what may be spoken, as they are written. */
export function rowOfCodecs({ codecs = [], transcode = true }: CodecPolicy): { codecs: CodecName[] | null; transcode: boolean } {
  return { codecs: codecs.length > 0 ? codecs : null, transcode }
}

/** What they say; nothing for what is usual. */
export function codecsOfRow({ codecs, transcode }: { codecs: CodecName[] | null; transcode: boolean }): CodecPolicy {
  return { ...(codecs ? { codecs } : {}), ...(transcode ? {} : { transcode }) }
}
