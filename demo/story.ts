import { styleText } from 'node:util'

/** Who is speaking in the timeline. */
export type Who = 'carrier' | 'acme' | 'globex' | 'platform' | 'switch' | 'voice' | 'agent' | 'operator' | 'demo'

type Style = Parameters<typeof styleText>[0]

const STYLES: Record<Who, Style> = {
  carrier: 'cyan',
  acme: 'yellow',
  globex: 'magenta',
  platform: 'blue',
  switch: 'blue',
  voice: 'blue',
  agent: 'green',
  operator: 'white',
  demo: 'gray',
}

/** The readable timeline: when, who, what, and why. */
export class Story {
  readonly #begun = performance.now()
  readonly #write: (line: string) => void
  readonly #colours: boolean

  constructor(write: (line: string) => void, colours: boolean) {
    this.#write = write
    this.#colours = colours
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return (performance.now() - this.#begun) / 1000
  }

  scene(number: number, title: string): void {
    this.#write('')
    this.#write(this.#paint(['bold'], `${number}. ${title}`))
  }

  /** One thing that happened; `why` is set off from it. */
  tell(who: Who, what: string, why = ''): void {
    const time = `${this.seconds.toFixed(2).padStart(7)} s`
    const reason = why ? this.#paint(['dim'], `  (${why})`) : ''
    this.#write(`${this.#paint(['dim'], time)}  ${this.#paint(STYLES[who], who.padEnd(8))}  ${what}${reason}`)
  }

  /** A thing that was checked and holds. */
  proof(what: string): void {
    this.#write(`${' '.repeat(11)}${this.#paint(['green'], '✔')} ${what}`)
  }

  /** A figure at the end. */
  figure(name: string, value: string): void {
    this.#write(`  ${name.padEnd(46, ' .')} ${this.#paint(['bold'], value)}`)
  }

  say(line: string): void {
    this.#write(line)
  }

  #paint(style: Style, text: string): string {
    return this.#colours ? styleText(style, text, { validateStream: false }) : text
  }
}

/** A story that is told to nobody, for the tests. */
export function silentStory(): Story {
  return new Story(() => {}, false)
}
