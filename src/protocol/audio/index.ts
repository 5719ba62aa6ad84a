export {
  ANSWER_FRAME,
  AnswerDetector,
  type AnsweredBy,
  type AnswerReason,
  type AnswerSettings,
  type Verdict,
} from './answer-detector.ts'
export {
  type AudioCodec,
  type CodecName,
  type Decoder,
  type Encoder,
  frameOf,
  LONGEST_DECODED,
  RATE,
  type SoundRate,
} from './codec.ts'
export { alike, codecOf } from './codecs.ts'
export { Concealer } from './concealer.ts'
export { countryTone, TONE_COUNTRIES, TONE_NAMES, type ToneName } from './country-tones.ts'
export { DtmfDetector, type DtmfListener } from './dtmf-detector.ts'
export { A_TO_MU, DECODE, decodeG711, ENCODE, encodeG711, type Law, MU_TO_A, SILENCE } from './g711.ts'
export { amplitudeAt, heardTone, level } from './goertzel.ts'
export { createOpusDecoder } from './opus.ts'
export { type Progress, ProgressDetector, type ProgressTone } from './progress-detector.ts'
export { Downsampler, Upsampler } from './rate-step.ts'
export { Resampler } from './resampler.ts'
export { dtmfFrequencies, type ToneStep, toneCycle } from './tone.ts'
export { VoiceActivity } from './voice-activity.ts'
export { WAV_HEADER_BYTES, wavHeader, writeWav } from './wav-writer.ts'
