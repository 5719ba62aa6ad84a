import type { ForwardTarget, SiteConfig, UserConfig } from '#platform/words/index.ts'
import { checkNumber, checkUser, invalid } from './rule.ts'

const MOST_STEPS = 10
const MOST_AT_ONCE = 20
/** Seconds that anything may ring. */
const MOST_SECONDS = 300

/** What a user's rules are held against. */
export interface UserSurroundings {
  /** Of the same site. */
  telephones: readonly { name: string }[]
  users: readonly UserConfig[]
  pbx: SiteConfig['pbx']
  forwardOutside: 'allowed' | 'denied'
  emergencyNumbers: readonly string[]
}

/**
 * Checks what is stored for a user: it leads to what is there, and no call is sent round by it for ever. What only a call can
 * show, such as a busy telephone that sends on to another busy one, is found when it happens. @throws TielineError `invalid-argument`
 */
export function checkUserConfig(user: UserConfig, around: UserSurroundings): void {
  checkUser('name', user.name)
  const { ring, forward = {} } = user
  const target = (field: string, to: ForwardTarget) => checkTarget(field, to, user, around)
  if (ring && (ring.length < 1 || ring.length > MOST_STEPS)) throw invalid('ring', `There are 1 to ${MOST_STEPS} steps.`)
  for (const { at, seconds } of ring ?? []) {
    if (at.length < 1 || at.length > MOST_AT_ONCE) throw invalid('ring', `1 to ${MOST_AT_ONCE} ring at once.`)
    checkSeconds('ring', seconds)
    for (const to of at) target('ring', to)
  }
  const { unconditional, busy, noAnswer, unregistered } = forward
  if (unconditional) target('forward.unconditional', unconditional)
  if (busy) target('forward.busy', busy)
  if (unregistered) target('forward.unregistered', unregistered)
  if (noAnswer) {
    target('forward.noAnswer', noAnswer.to)
    checkSeconds('forward.noAnswer', noAnswer.afterSeconds)
  }
  checkRound(user, around.users)
}

function checkTarget(field: string, to: ForwardTarget, user: UserConfig, around: UserSurroundings): void {
  if ('user' in to) {
    checkUser(field, to.user)
    if (field !== 'ring' && to.user === user.name) throw invalid(field, 'A user cannot send its calls on to itself.')
    const known = [...around.telephones, ...around.users].some(({ name }) => name === to.user)
    if (!known && to.user !== user.name) throw invalid(field, `There is neither a telephone nor another user called ${to.user}.`)
  } else if ('pbx' in to) {
    checkUser(field, to.pbx)
    if (!around.pbx) throw invalid(field, 'This leads to a PBX, but the site has none.')
  } else {
    checkNumber(field, to.number)
    if (around.forwardOutside === 'denied')
      throw invalid(field, 'The operator does not allow calls to be sent on to numbers outside.')
    if (around.emergencyNumbers.includes(to.number)) throw invalid(field, 'No call is sent on to an emergency number.')
  }
}

function checkSeconds(field: string, seconds: number): void {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MOST_SECONDS)
    throw invalid(field, `Ringing lasts 1 to ${MOST_SECONDS} whole seconds.`)
}

/** Those that always send on must come to an end. */
function checkRound(user: UserConfig, users: readonly UserConfig[]): void {
  const after = new Map([...users, user].map(({ name, forward }) => [name, forward?.unconditional]))
  const seen = new Set<string>()
  for (let name = user.name; ; ) {
    if (seen.has(name)) throw invalid('forward.unconditional', 'Calls would be sent round in a loop.')
    seen.add(name)
    const to = after.get(name)
    if (!to || !('user' in to)) return
    name = to.user
  }
}
