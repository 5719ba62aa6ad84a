import type { ToneStep } from './tone.ts'

/** What a network says to a caller: pick a number; it rings; it is busy; the network is. */
export const TONE_NAMES = ['dial', 'ringback', 'busy', 'congestion'] as const
export type ToneName = (typeof TONE_NAMES)[number]

/** Frequencies in Hz, joined by `+`, then on, off, on, off … in ms; a tone without a pause has no times. */
type Cadence = string

/** Tones by country (ISO 3166-1, lower case), by ITU-T E.180 Supplement 2. */
const COUNTRIES: Record<string, Record<ToneName, Cadence>> = {
  at: { dial: '420', ringback: '420 1000 5000', busy: '420 400 400', congestion: '420 200 200' },
  au: { dial: '413+438', ringback: '413+438 400 200 400 2000', busy: '425 375 375', congestion: '425 375 375' },
  be: { dial: '425', ringback: '425 1000 3000', busy: '425 500 500', congestion: '425 167 167' },
  ch: { dial: '425', ringback: '425 1000 4000', busy: '425 500 500', congestion: '425 200 200' },
  de: { dial: '425', ringback: '425 1000 4000', busy: '425 480 480', congestion: '425 240 240' },
  dk: { dial: '425', ringback: '425 1000 4000', busy: '425 500 500', congestion: '425 250 250' },
  es: { dial: '425', ringback: '425 1500 3000', busy: '425 200 200', congestion: '425 200 200 200 200 200 600' },
  fi: { dial: '425', ringback: '425 1000 4000', busy: '425 300 300', congestion: '425 200 200' },
  fr: { dial: '440', ringback: '440 1500 3500', busy: '440 500 500', congestion: '440 250 250' },
  gb: { dial: '350+440', ringback: '400+450 400 200 400 2000', busy: '400 375 375', congestion: '400 400 350 225 525' },
  it: { dial: '425 200 200 600 1000', ringback: '425 1000 4000', busy: '425 500 500', congestion: '425 200 200' },
  nl: { dial: '425', ringback: '425 1000 4000', busy: '425 500 500', congestion: '425 250 250' },
  no: { dial: '425', ringback: '425 1000 4000', busy: '425 500 500', congestion: '425 200 200' },
  pl: { dial: '425', ringback: '425 1000 4000', busy: '425 500 500', congestion: '425 500 500' },
  pt: { dial: '425', ringback: '425 1000 5000', busy: '425 500 500', congestion: '425 200 200' },
  se: { dial: '425', ringback: '425 1000 5000', busy: '425 250 250', congestion: '425 250 750' },
  us: { dial: '350+440', ringback: '440+480 2000 4000', busy: '480+620 500 500', congestion: '480+620 250 250' },
}

export const TONE_COUNTRIES: readonly string[] = Object.keys(COUNTRIES)

/** One round of a country's tone. Another country's is Europe's (ETSI TR 101 041): 425 Hz, as in `de`. */
export function countryTone(name: ToneName, country: string): ToneStep[] {
  const [tones = '', ...times] = (COUNTRIES[country] ?? COUNTRIES.de!)[name].split(' ')
  const frequencies = tones.split('+').map(Number)
  if (times.length === 0) return [{ frequencies, onMs: 1000, offMs: 0 }]
  const steps: ToneStep[] = []
  for (let i = 0; i < times.length; i += 2) steps.push({ frequencies, onMs: Number(times[i]), offMs: Number(times[i + 1]) })
  return steps
}
