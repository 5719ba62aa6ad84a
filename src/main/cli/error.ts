/** Something that is told in one sentence. */
export class CliError extends Error {
  readonly exitCode: 1 | 2

  constructor(sentence: string, exitCode: 1 | 2 = 1) {
    super(sentence)
    this.exitCode = exitCode
  }
}

/** The command line is wrong: exit code 2. */
export function usage(sentence: string): CliError {
  return new CliError(sentence, 2)
}

export function explainError(error: unknown): string {
  return `tieline: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}
