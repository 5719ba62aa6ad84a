import { TielineError } from '#lib/index.ts'

/** SQLSTATE classes that say "not now": connection, insufficient resources, shutdown, start-up. */
const AWAY = /^(08|53|57P0)/
const AWAY_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EACCES', 'EAI_AGAIN'])
const AWAY_SENTENCES = /connection terminated|timeout exceeded when trying to connect|connection ended|not queryable/i

/** Whether the database could not be asked at all, as opposed to having said no. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  return AWAY.test(code) || AWAY_CODES.has(code) || AWAY_SENTENCES.test(error.message)
}

/** Nothing was changed, and the same may work soon. */
export function away(sentence: string, cause?: unknown): TielineError {
  return new TielineError(sentence, { code: 'database-away', fault: 'system', retry: true, http: 503 }, {}, { cause })
}

/** The domain's error for a fault of PostgreSQL; what it does not know stays what it is. */
export function storeError(error: unknown): unknown {
  if (error instanceof TielineError) return error
  if (isAway(error)) return away('The database cannot be reached. Calls go on; try again soon.', error)
  if (!(error instanceof Error) || !('code' in error)) return error
  const constraint = 'constraint' in error ? String(error.constraint) : ''
  // 40001 and 40P01: another transaction was in the way; nothing has happened.
  if (error.code === '40001' || error.code === '40P01')
    return new TielineError('Another change was in the way. Try again.', {
      code: 'conflict',
      fault: 'system',
      retry: true,
      http: 409,
    })
  if (error.code !== '23505') return error
  const [code, sentence] = TAKEN[constraint] ?? ['conflict', 'Something of this name exists already.']
  return new TielineError(sentence, { code, fault: 'caller', retry: false, http: 409 }, { constraint })
}

/** What each unique constraint says to people. */
const TAKEN: Record<string, [code: string, sentence: string]> = {
  subscriber_name_key: ['name-taken', 'A subscriber of this name exists already.'],
  number_number_key: ['number-taken', 'The telephone number belongs to a subscriber already.'],
  number_pkey: ['number-taken', 'The telephone number belongs to a subscriber already.'],
  trunk_name_key: ['name-taken', 'A trunk of this name exists already.'],
  gateway_address_port_key: ['gateway-taken', 'The gateway belongs to a trunk already.'],
  telephone_pkey: ['name-taken', 'A telephone of this name exists already.'],
}

/** Another's id and an unknown id are answered alike. */
export function notFound(what: string): TielineError {
  return new TielineError(`There is no such ${what}.`, { code: 'not-found', fault: 'caller', retry: false, http: 404 })
}
