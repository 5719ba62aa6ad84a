import { styleText } from 'node:util'

/** A column of a table: its heading, and what a row has in it. */
export type Column<T> = [heading: string, cell: (row: T) => string | number | null | undefined]

/** Where a command prints, and how it ends: of a process, that process. */
export interface Terminal {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean }
  readonly stderr: { write(text: string): unknown }
  exitCode?: number | string | null | undefined
}

/** Prints for people, or JSON for programs, never both. */
export class Output {
  readonly json: boolean
  readonly #terminal: Terminal

  constructor(json: boolean, terminal: Terminal) {
    this.json = json
    this.#terminal = terminal
  }

  /** What is printed is no good news: exit code 1. */
  fails(): void {
    this.#terminal.exitCode = 1
  }

  /** A list: JSON as it came, or a table with its columns lined up. */
  table<T>(rows: T[], columns: Column<T>[], nothing: string): void {
    if (this.json) this.value(rows)
    else if (rows.length === 0) this.line(nothing)
    else this.#lined(rows, columns)
  }

  #lined<T>(rows: T[], columns: Column<T>[]): void {
    const cells = rows.map((row) => columns.map(([, cell]) => String(cell(row) ?? '-')))
    const widths = columns.map(([heading], i) => Math.max(heading.length, ...cells.map((line) => line[i]!.length)))
    const lined = (line: string[]) => line.map((text, i) => (i === line.length - 1 ? text : text.padEnd(widths[i]!))).join('  ')
    this.line(this.#style('bold', lined(columns.map(([heading]) => heading))))
    for (const line of cells) this.line(lined(line))
  }

  /** One thing: JSON as it came, or its facts one a line. */
  facts(value: unknown, facts: [name: string, text: string | number | null | undefined][]): void {
    if (this.json) {
      this.value(value)
      return
    }
    const known = facts.filter(([, text]) => text !== undefined)
    const width = Math.max(...known.map(([name]) => name.length))
    for (const [name, text] of known) this.line(`${this.#style('bold', name.padEnd(width))}  ${text ?? '-'}`)
  }

  /** What was done: one sentence, or the API's answer as JSON. */
  done(value: unknown, sentence: string): void {
    if (this.json) this.value(value ?? { done: true })
    else this.line(sentence)
  }

  value(value: unknown): void {
    this.#terminal.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
  }

  /** One JSON value on one line, for streams. */
  jsonLine(value: unknown): void {
    this.#terminal.stdout.write(`${JSON.stringify(value)}\n`)
  }

  line(text: string): void {
    this.#terminal.stdout.write(`${text}\n`)
  }

  /** Green for what is well, red for what is not. */
  mark(ok: boolean): string {
    return this.#style(ok ? 'green' : 'red', ok ? 'ok' : 'fails')
  }

  #style(style: 'bold' | 'green' | 'red', text: string): string {
    return this.#terminal.stdout.isTTY ? styleText(style, text) : text
  }
}
