import type { Clock } from '#lib/index.ts'
import type { TrunkConfig } from '#platform/words/index.ts'
import { DigestGuard, type IncomingInvite } from '#protocol/sip/index.ts'

/**
 * Who may call in on a trunk: a stranger's datagram is not even looked at, and of a known address more is asked where the trunk
 * says so. Digest never replaces the address, since whoever answers strangers tells scanners that it is there (PITFALLS F01).
 */
export class TrunkCallers {
  readonly #guard: DigestGuard
  readonly #password: (trunk: TrunkConfig) => string | undefined

  /** `password`: of `accept`, in the clear. */
  constructor(options: { clock: Clock; password(trunk: TrunkConfig): string | undefined }) {
    this.#guard = new DigestGuard({ realm: 'tieline trunk', clock: options.clock })
    this.#password = options.password
  }

  /** Whether this INVITE may come in. Refused ones have been answered. */
  admits(trunk: TrunkConfig, invite: IncomingInvite): boolean {
    const { accept } = trunk
    if (!accept) return true
    const verdict = this.#guard.check(invite.request, (user) => (user === accept.user ? this.#password(trunk) : undefined), [
      accept.algorithm ?? 'MD5',
    ])
    if (!('challenge' in verdict)) return true
    invite.refuse(401, { headers: verdict.challenge })
    return false
  }
}
