import type { Alerting, AmdOptions, Heard } from './types.ts'

/** As the link has it: times in seconds say so. */
export function amdOf(amd: true | AmdOptions | undefined): { amd?: object } {
  if (amd === undefined) return {}
  const { timeout, ...rest } = amd === true ? {} : amd
  return { amd: { ...rest, ...(timeout === undefined ? {} : { timeoutSeconds: timeout }) } }
}

/** A call is named by its id on the link. */
export function coachOf(coach: { id: string } | null | undefined): { coach?: string } {
  return coach ? { coach: coach.id } : {}
}

/** A call is named as another one: the verb's own is `call`. */
export function pickUpOf(what: Alerting): object {
  return 'call' in what ? { other: what.call } : what
}

export function musicOf(music: string | Heard | undefined): { music?: Heard } {
  return music === undefined ? {} : { music: heardOf(music) }
}

export function heardOf(what: string | Heard): Heard {
  return typeof what === 'string' ? { file: what } : what
}
