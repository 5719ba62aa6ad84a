import type { Alerting, Heard, ListenOptions } from './types.ts'

/** As the link has it: times in seconds say so. */
export function listenedFor({ amd, progress }: { [O in keyof ListenOptions]: ListenOptions[O] | undefined }): {
  amd?: object
  progress?: object
} {
  const { timeout, ...who } = amd === true ? {} : (amd ?? {})
  const { afterAnswer, ...tones } = progress === true ? {} : (progress ?? {})
  return {
    ...(amd === undefined ? {} : { amd: { ...who, ...(timeout === undefined ? {} : { timeoutSeconds: timeout }) } }),
    ...(progress === undefined
      ? {}
      : { progress: { ...tones, ...(afterAnswer === undefined ? {} : { afterAnswerSeconds: afterAnswer }) } }),
  }
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
