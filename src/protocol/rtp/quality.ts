/** The basic rating of a call without impairment (ITU-T G.107, default values). */
const BEST = 93.2

/** From this one-way delay on, people begin to interrupt each other, ms (ITU-T G.107, the knee of Idd). */
const KNEE_MS = 177.3

/** How well a codec's listeners stand lost packets: equipment impairment, and robustness to loss in percent (ITU-T G.113 App. I). */
export interface CodecImpairment {
  impairment: number
  robustness: number
}

/** G.711 with concealment at the listener, as telephones have it. */
export const G711_IMPAIRMENT: CodecImpairment = { impairment: 0, robustness: 25.1 }

/**
 * The opinion that listeners would have, 1 to 4.5, by the E-model (ITU-T G.107 §B.4) with its delay curve simplified as usual.
 * `lossRatio` 0–1 (random loss), `delayMs` one way from mouth to ear.
 */
export function estimateMos(lossRatio: number, delayMs: number, codec: CodecImpairment = G711_IMPAIRMENT): number {
  const loss = 100 * lossRatio
  const equipment = codec.impairment + ((95 - codec.impairment) * loss) / (loss + codec.robustness)
  const delay = 0.024 * delayMs + (delayMs > KNEE_MS ? 0.11 * (delayMs - KNEE_MS) : 0)
  const rating = BEST - equipment - delay
  if (rating <= 0) return 1
  return Math.max(1, Math.min(4.5, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6))
}
