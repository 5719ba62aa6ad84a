import { execFileSync } from 'node:child_process'
import { countryTone, decodeG711, encodeG711, TONE_COUNTRIES, toneCycle } from '#protocol/audio/index.ts'
import { readWav } from '#protocol/soundfile/index.ts'

/** What a call is answered by, with the sound of it: 8 kHz, as it comes over the telephone. */
export interface Answer {
  label: 'human' | 'machine' | 'fax' | 'nobody' | 'network'
  pcm: Int16Array
  /** Where the first greeting is over, ms; where a machine's beep begins, if it has one. */
  greetingEndMs: number
  beepMs: number | null
  /** Whose network it is. */
  country?: string
  /** For a person who looks for what went wrong. */
  title: string
}

const RATE = 8000
const samples = (ms: number) => Math.round((ms * RATE) / 1000)

/** What people say; the even ones are for training, the odd ones for the test, as are the voices. */
const PEOPLE: [language: string, text: string][] = [
  ['en', 'Hello?'],
  ['en-us', 'Hello.'],
  ['en', 'Hello, this is John.'],
  ['en-us', 'Hi, Anna speaking.'],
  ['en', 'Yes?'],
  ['en', 'Smith residence, hello?'],
  ['en-us', 'Acme plumbing, good morning.'],
  ['en', 'Good afternoon, Miller and sons.'],
  ['de', 'Ja, hallo?'],
  ['de', 'Müller.'],
  ['de', 'Guten Tag, Weber am Apparat.'],
  ['de', 'Schneider, hallo?'],
  ['fr', 'Allô?'],
  ['fr', 'Oui, bonjour.'],
  ['fr', 'Allô oui, ici Marie.'],
  ['fr', 'Bonjour, cabinet Martin.'],
  ['nl', 'Hallo?'],
  ['nl', 'Met Jan de Vries.'],
  ['nl', 'Goedemorgen, bakkerij Jansen.'],
  ['nl', 'Ja, met Els.'],
  ['es', '¿Diga?'],
  ['es', '¿Sí, dígame?'],
  ['es', 'Hola, buenos días.'],
  ['es', 'Hola, soy Carmen.'],
  ['it', 'Pronto?'],
  ['it', 'Pronto, chi parla?'],
  ['pl', 'Halo?'],
  ['pl', 'Słucham?'],
]

/** What machines say, sentence by sentence. */
const MACHINES: [language: string, ...sentences: string[]][] = [
  ['en', 'Hi, you have reached John Smith.', 'I cannot take your call right now.', 'Please leave a message after the tone.'],
  [
    'en-us',
    'The person you are calling is not available.',
    'At the tone, please record your message.',
    'When you have finished, you may hang up.',
  ],
  [
    'en',
    'Hello, this is the voicemail of Acme Plumbing.',
    'Our office is closed.',
    'Leave your name and number and we will call you back.',
  ],
  ['en-us', 'Sorry, nobody is home.', 'Please leave your name, your number and a short message after the beep.', 'Thank you.'],
  [
    'de',
    'Guten Tag.',
    'Sie sind verbunden mit dem Anschluss von Familie Müller.',
    'Bitte hinterlassen Sie eine Nachricht nach dem Signalton.',
  ],
  ['de', 'Der gewünschte Gesprächspartner ist zurzeit nicht erreichbar.', 'Bitte sprechen Sie nach dem Ton.'],
  [
    'fr',
    'Bonjour.',
    'Vous êtes bien sur la messagerie de Pierre Dupont.',
    'Je ne suis pas disponible pour le moment.',
    'Laissez un message après le bip.',
  ],
  ['fr', 'Bonjour, le cabinet Martin est fermé.', 'Merci de rappeler demain ou de laisser un message après le signal sonore.'],
  ['nl', 'Goedendag.', 'U bent verbonden met de voicemail van Jan de Vries.', 'Spreek uw boodschap in na de pieptoon.'],
  ['nl', 'Dit is de voicemail van bakkerij Jansen.', 'Wij zijn er even niet.', 'Laat een bericht achter na de toon.'],
  [
    'es',
    'Hola.',
    'Ha llamado al contestador de Carmen.',
    'En este momento no puedo atenderle.',
    'Deje su mensaje después de la señal.',
  ],
  ['es', 'El teléfono al que llama no está disponible.', 'Deje su mensaje al oír la señal.'],
  ['it', 'Risponde la segreteria telefonica di Mario Rossi.', 'Lasciate un messaggio dopo il segnale acustico.'],
  ['it', 'Buongiorno.', 'In questo momento non siamo in ufficio.', 'Lasciate un messaggio dopo il bip.'],
  ['pl', 'Dzień dobry.', 'Tu poczta głosowa.', 'Proszę zostawić wiadomość po sygnale.'],
  ['pl', 'Abonent jest czasowo niedostępny.', 'Proszę zostawić wiadomość po usłyszeniu sygnału.'],
]

/** Voices of espeak-ng: one half each. */
const VARIANTS = ['m1', 'm2', 'f1', 'f2', 'm3', 'm4', 'f3', 'f4', 'm5', 'm6', 'f5', 'm7']

const NOISES = ['whitenoise', 'pinknoise', 'brownnoise'] as const

/** The answers of one half of the set, `each` of each kind, always the same ones. */
export function answers(half: 'train' | 'test', each: number): Answer[] {
  const make = new Maker(half === 'train' ? 1 : 77_777, half === 'train' ? 0 : 1)
  const all: Answer[] = []
  for (let i = 0; i < each; i++) {
    all.push(make.human(i), make.machine(i), i % 4 === 0 ? make.nobody() : make.fax())
  }
  for (let i = 0; i < each; i++) all.push(make.network(i))
  return all
}

class Maker {
  readonly #half: number
  readonly #spoken = new Map<string, Int16Array>()
  readonly #noises = new Map<string, Int16Array>()
  #seed: number

  constructor(seed: number, half: number) {
    this.#seed = seed
    this.#half = half
  }

  human(i: number): Answer {
    const [language, text] = half(PEOPLE, this.#half)[i % (PEOPLE.length / 2)]!
    const line = new Line()
    line.silence(this.#between(100, 1200))
    const voice = this.#voice(language)
    line.add(this.#speak(text, voice), 1)
    const greetingEndMs = line.ms
    line.silence(this.#between(1500, 2600))
    line.add(this.#speak(text.includes('?') ? text : 'Hallo?', voice), 1)
    line.silence(1500)
    return { label: 'human', ...this.#onLine(line), greetingEndMs, beepMs: null, title: `${voice}: ${text}` }
  }

  machine(i: number): Answer {
    const [language, ...sentences] = half(MACHINES, this.#half)[i % (MACHINES.length / 2)]!
    const line = new Line()
    line.silence(this.#between(50, 1000))
    const voice = this.#voice(language)
    for (const [at, sentence] of sentences.entries()) {
      if (at > 0) line.silence(this.#between(100, 600))
      line.add(this.#speak(sentence, voice), 1)
    }
    const greetingEndMs = line.ms
    line.silence(this.#between(150, 1500))
    const beeps = this.#between(0, 100) < 85
    const beepMs = beeps ? line.ms : null
    if (beeps) {
      const hz = Math.round(this.#between(600, 2200))
      // Some machines beep with two tones at once.
      const second = this.#between(0, 100) < 8 ? hz * 1.3 : 0
      line.add(sine(hz, second, this.#between(160, 900)), this.#between(30, 120) / 100)
    }
    line.silence(4500)
    return { label: 'machine', ...this.#onLine(line), greetingEndMs, beepMs, title: `${voice}: ${sentences[0]}` }
  }

  fax(): Answer {
    const line = new Line()
    line.silence(this.#between(200, 2500))
    const calling = this.#between(0, 100) < 35
    if (calling) for (let i = 0; i < 3; i++) line.add(sine(1100 + this.#between(-30, 30), 0, 500), 0.8).silence(3000)
    else line.add(answerTone(2100 + this.#between(-12, 12), this.#between(0, 100) < 50), 0.8).silence(75)
    return { label: 'fax', ...this.#onLine(line), greetingEndMs: 0, beepMs: null, title: calling ? 'CNG' : 'CED' }
  }

  nobody(): Answer {
    return { label: 'nobody', ...this.#onLine(new Line().silence(8000)), greetingEndMs: 0, beepMs: null, title: 'nobody' }
  }

  /** A network that answers and says busy, that all its lines are, or by special information tones that there is no such number. */
  network(i: number): Answer {
    const country = TONE_COUNTRIES[i % TONE_COUNTRIES.length]!
    const line = new Line().silence(this.#between(50, 1200))
    const title = (['busy', 'congestion', 'special information'] as const)[Math.floor(this.#between(0, 2.999))]!
    if (title === 'special information') {
      const gap = this.#between(0, 30)
      for (const hz of [950, 1400, 1800])
        line.add(sine(hz + this.#between(-30, 30), 0, this.#between(300, 360)), 0.8).silence(gap)
      const [language, ...sentences] = half(MACHINES, this.#half)[i % (MACHINES.length / 2)]!
      line.silence(this.#between(100, 600)).add(this.#speak(sentences.at(-1)!, this.#voice(language)), 1)
    } else {
      const cycle = toneCycle(countryTone(title, country))
      const sound = Int16Array.from({ length: samples(6000) }, (_, at) => cycle[at % cycle.length]!)
      line.add(sound, 0.8)
    }
    return { label: 'network', ...this.#onLine(line), greetingEndMs: 0, beepMs: null, country, title: `${country}: ${title}` }
  }

  /** At some loudness, with some noise, between 300 and 3400 Hz, over G.711. */
  #onLine(line: Line): { pcm: Int16Array } {
    const loudness = this.#between(600, 4500)
    const noise = this.#noise(NOISES[Math.floor(this.#between(0, 2.999))]!)
    // Signal to noise: 40 to 14 dB.
    const hiss = loudness * 10 ** (-this.#between(14, 40) / 20)
    const from = Math.floor(this.#between(0, noise.length / 2))
    // Some lines are opened late: until then nothing comes but digital silence.
    const opened = this.#between(0, 100) < 40 ? samples(this.#between(50, 700)) : 0
    const hissing = (i: number) => (i < opened ? 0 : (noise[(from + i) % noise.length]! / 3000) * hiss)
    const pcm = line.pcm((i, sound) => sound * loudness + hissing(i))
    const format = ['-t', 'raw', '-r', '8000', '-e', 'signed', '-b', '16', '-c', '1']
    const band = execFileSync('sox', ['-D', ...format, '-', ...format, '-', 'sinc', '300-3400'], {
      input: new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength),
      stdio: ['pipe', 'pipe', 'ignore'],
      maxBuffer: 1 << 25,
    })
    const heard = Int16Array.from({ length: band.length >> 1 }, (_, i) => band.readInt16LE(2 * i))
    return { pcm: decodeG711(encodeG711(heard, 'PCMA'), 'PCMA') }
  }

  /** With a mean square of about one. */
  #speak(text: string, voice: string): Int16Array {
    const args = ['--stdout', '-v', voice, '-s', String(140 + 10 * Math.floor(this.#between(0, 5))), text]
    const key = args.join(' ')
    let pcm = this.#spoken.get(key)
    if (!pcm) {
      pcm = trimmed(readWav(execFileSync('espeak-ng', args)))
      this.#spoken.set(key, pcm)
    }
    return pcm
  }

  #voice(language: string): string {
    const mine = half(VARIANTS, this.#half)
    return `${language}+${mine[Math.floor(this.#between(0, mine.length - 0.001))]}`
  }

  #noise(colour: (typeof NOISES)[number]): Int16Array {
    let noise = this.#noises.get(colour)
    if (!noise) {
      const made = execFileSync(
        'sox',
        ['-R', '-n', '-r', '8000', '-b', '16', '-c', '1', '-t', 'wav', '-', 'synth', '40', colour],
        {
          maxBuffer: 1 << 25,
        },
      )
      const loud = readWav(made)
      const rms = Math.sqrt(loud.reduce((sum, sample) => sum + sample * sample, 0) / loud.length)
      noise = loud.map((sample) => (sample * 3000) / rms)
      this.#noises.set(colour, noise)
    }
    return noise
  }

  #between(low: number, high: number): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0
    return low + ((high - low) * this.#seed) / 2 ** 32
  }
}

/** What is said one after the other, its loudness about one. */
class Line {
  readonly #pieces: Float32Array[] = []
  #length = 0

  get ms(): number {
    return (this.#length * 1000) / RATE
  }

  silence(ms: number): this {
    return this.#push(new Float32Array(samples(ms)))
  }

  add(pcm: Int16Array, loudness: number): this {
    const rms = Math.sqrt(pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length)
    return this.#push(Float32Array.from(pcm, (sample) => (sample / rms) * loudness))
  }

  pcm(of: (i: number, sound: number) => number): Int16Array {
    const out = new Int16Array(this.#length)
    let at = 0
    for (const piece of this.#pieces) {
      for (const sound of piece) {
        out[at] = Math.max(-32_768, Math.min(32_767, Math.round(of(at, sound))))
        at++
      }
    }
    return out
  }

  #push(piece: Float32Array): this {
    this.#pieces.push(piece)
    this.#length += piece.length
    return this
  }
}

function half<T>(all: readonly T[], which: number): T[] {
  return all.filter((_, i) => i % 2 === which)
}

function sine(hz: number, second: number, ms: number): Int16Array {
  return Int16Array.from({ length: samples(ms) }, (_, i) => {
    const other = second === 0 ? 0 : Math.sin((2 * Math.PI * second * i) / RATE)
    return 6000 * (Math.sin((2 * Math.PI * hz * i) / RATE) + other)
  })
}

/** CED (ITU-T T.30 §4.2.1.2); with ANSam (ITU-T V.8 §7.2) it swells 15 times a second and turns its phase every 450 ms. */
function answerTone(hz: number, modern: boolean): Int16Array {
  return Int16Array.from({ length: samples(3000) }, (_, i) => {
    const swell = modern ? 1 + 0.2 * Math.sin((2 * Math.PI * 15 * i) / RATE) : 1
    const turned = modern && Math.floor((i * 1000) / RATE / 450) % 2 === 1 ? -1 : 1
    return 6000 * swell * turned * Math.sin((2 * Math.PI * hz * i) / RATE)
  })
}

/** Without the silence that espeak-ng puts around it. */
function trimmed(pcm: Int16Array): Int16Array {
  const loud = (sample: number) => Math.abs(sample) > 300
  return pcm.slice(pcm.findIndex(loud), pcm.findLastIndex(loud) + 1)
}
