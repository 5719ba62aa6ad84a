/** Cuts a body of server-sent events (WHATWG HTML §9.2) into the data of each event. */
export class EventStream {
  readonly #decoder = new TextDecoder()
  #rest = ''
  #data: string[] = []

  /** The data of the events that are complete by now. */
  push(bytes: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ''
    return lines.flatMap((line) => this.#line(line))
  }

  #line(line: string): string[] {
    if (line.startsWith('data:')) {
      this.#data.push(line.slice(line[5] === ' ' ? 6 : 5))
      return []
    }
    if (line !== '' || this.#data.length === 0) return []
    return [this.#data.splice(0).join('\n')]
  }
}
