import { CommanderError } from 'commander'
import { TielineError } from '#lib/index.ts'

/** Something that is told in one sentence. */
export class CliError extends Error {
  readonly exitCode: 1 | 2
  /** As the API has said it. */
  readonly problem: object | undefined

  constructor(sentence: string, exitCode: 1 | 2 = 1, problem?: object) {
    super(sentence)
    this.exitCode = exitCode
    this.problem = problem
  }
}

/** There is nobody to ask, no key yet to ask with, or a platform that is not ready. */
export class Unreachable extends CliError {}

/** The command line is wrong: exit code 2. */
export function usage(sentence: string): CliError {
  return new CliError(sentence, 2)
}

/** A sentence where the world or a person is the cause; the whole story where it is a bug of ours. */
export function explainError(error: unknown): string {
  if (error instanceof CliError || error instanceof TielineError) return error.message
  if (isOfTheSystem(error)) return `${inWords(error)} (${error.code})`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** The same for a program: what the API has said, or one like it (RFC 9457), without a status where nobody was asked. */
export function problemOf(error: unknown): object {
  if (error instanceof CliError && error.problem) return error.problem
  const code = codeOf(error)
  const words = code.replaceAll('-', ' ')
  const title = words.charAt(0).toUpperCase() + words.slice(1)
  const detail = error instanceof CommanderError ? inSentence(error) : explainError(error)
  return { type: `urn:tieline:problem:${code}`, title, detail }
}

function codeOf(error: unknown): string {
  if (error instanceof TielineError) return error.verdict.code
  if (error instanceof Unreachable) return 'unreachable'
  if (error instanceof CommanderError || (error instanceof CliError && error.exitCode === 2)) return 'invalid-command-line'
  return error instanceof CliError || isOfTheSystem(error) ? 'failed' : 'internal'
}

function inSentence({ code, message }: CommanderError): string {
  return code === 'commander.help' ? 'The command line names no verb.' : message.replace(/^error: /, '').replaceAll('\n', ' ')
}

export function exitCodeOf(error: unknown): 1 | 2 {
  return error instanceof CliError ? error.exitCode : 1
}

/** What a system call has refused: a file that is not there, a port that is taken. */
function isOfTheSystem(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && 'syscall' in error && typeof (error as NodeJS.ErrnoException).code === 'string'
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'There is no such file or directory',
  EACCES: 'It is not allowed to use it',
  EISDIR: 'It is a directory',
  ENOTDIR: 'A part of its path is no directory',
  ENOSPC: 'There is no room left on the disk',
  EROFS: 'It cannot be written to',
}

function inWords({ code = '', path, message }: NodeJS.ErrnoException): string {
  const words = WORDS[code]
  return words && path ? `${path}: ${words}.` : message
}
