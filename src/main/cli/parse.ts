import type { Command } from 'commander'
import { CODEC_NAMES } from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import { usage } from './error.ts'

/** Collects an option that may be given again and again. */
export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value]
}

/** A whole number of an option. */
export function whole(name: string) {
  return (text: string): number => {
    if (!/^\d{1,9}$/.test(text)) throw usage(`${name} is a whole number, not ${text}.`)
    return Number(text)
  }
}

/** A part of something, such as 0.5. */
export function share(text: string): number {
  if (!/^\d{1,3}(\.\d{1,3})?$/.test(text)) throw usage(`A share is a number such as 0.5, not ${text}.`)
  return Number(text)
}

/** `kind=guaranteed:ceiling`, or `kind=ceiling`. */
export function allocation(text: string): { kind: string; guaranteed: number; ceiling: number } {
  const [, kind, first, second] = /^([a-z][a-z0-9.-]*)=(\d+)(?::(\d+))?$/.exec(text) ?? []
  if (!kind || first === undefined)
    throw usage(`An allocation is written kind=guaranteed:ceiling, such as trunk.in=2:10, not ${text}.`)
  return second === undefined
    ? { kind, guaranteed: 0, ceiling: Number(first) }
    : { kind, guaranteed: Number(first), ceiling: Number(second) }
}

/** `pbx:100`, `user:101`, `number:+32…`, `sip:…`, each with `@channel` or `@trunk` behind it to force a road. */
export function route(text: string): Record<string, string> {
  const [, target, via] = /^(.*?)(?:@(channel|trunk))?$/.exec(text) ?? []
  const [, kind, value] = /^(pbx|user|number|sip):(.+)$/.exec(target ?? '') ?? []
  if (!kind || !value)
    throw usage(`A route is written pbx:100, user:101, number:+3225550199 or sip:…, perhaps with @trunk, not ${text}.`)
  return { [kind]: kind === 'sip' ? `sip:${value}` : value, ...(via ? { via } : {}) }
}

/** `--progress [country]` and `--after-answer <seconds>`, as the API has them. */
export function progressOf({ progress, afterAnswer }: { progress?: true | string; afterAnswer?: number }): { progress?: object } {
  if (progress === undefined && afterAnswer === undefined) return {}
  return {
    progress: {
      ...(typeof progress === 'string' ? { country: progress } : {}),
      ...(afterAnswer === undefined ? {} : { afterAnswerSeconds: afterAnswer }),
    },
  }
}

/** `address`, `address:port`, `[address]:port`. */
export function endpoint(text: string): { address: string; port?: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const address = bracketed ?? plain ?? text
  return port === undefined ? { address } : { address, port: Number(port) }
}

/** Codecs by their names, commas between them, however they are written; none for `default`. */
export function codecs(text: string): CodecName[] {
  if (text === 'default') return []
  return text.split(',').map((given) => {
    const name = CODEC_NAMES.find((known) => known.toLowerCase() === given.trim().toLowerCase())
    if (!name) throw usage(`A codec is one of ${CODEC_NAMES.join(', ')}, not ${given}.`)
    return name
  })
}

/** Options of what legs may speak, as trunks and sites have them alike. */
export interface CodecOptions {
  codecs?: string[]
  transcode?: boolean
  renegotiate?: boolean
  digits?: string
  tones?: string
}

/** Adds them to a command; of `--codecs` each says itself what it means there. */
export function codecOptions(command: Command): Command {
  return command
    .option('--transcode <on|off>', 'whether that may be turned into what the other leg speaks', onOff('--transcode'))
    .option('--renegotiate <on|off>', 'whether a leg may be asked for what the other one speaks', onOff('--renegotiate'))
    .option('--digits <way>', 'how keys reach a leg without telephone-events: tones or info')
    .option('--tones <what>', 'what the tones of such a leg are for the other one: keys or sound')
}

/** What the API is told of them: null takes back what was said before. */
export function saidOfCodecs({ codecs: names, transcode, renegotiate, digits, tones }: CodecOptions) {
  return {
    ...(names === undefined ? {} : { codecs: names.length > 0 ? names : null }),
    ...(transcode === undefined ? {} : { transcode }),
    ...(renegotiate === undefined ? {} : { renegotiate }),
    ...(digits === undefined ? {} : { digits }),
    ...(tones === undefined ? {} : { tones }),
  }
}

/** What the API says of codecs, in words. */
export function spokenText(said: {
  codecs?: readonly string[] | null
  telephoneCodecs?: readonly string[] | null
  transcode?: boolean
  renegotiate?: boolean
  digits?: string
  tones?: string
}): string {
  return [
    said.codecs ? said.codecs.join(',') : 'what is usual',
    ...(said.telephoneCodecs ? [`its telephones ${said.telephoneCodecs.join(',')}`] : []),
    ...(said.transcode === false ? ['never transcoded'] : []),
    ...(said.renegotiate === false ? ['never renegotiated'] : []),
    ...(said.digits === 'info' ? ['keys by INFO'] : []),
    ...(said.tones === 'sound' ? ['tones are sound'] : []),
  ].join(', ')
}

/** `on` or `off`. */
export function onOff(name: string) {
  return (text: string): boolean => {
    if (text !== 'on' && text !== 'off') throw usage(`${name} is on or off, not ${text}.`)
    return text === 'on'
  }
}

/** A part of a path. */
export function part(text: string): string {
  return encodeURIComponent(text)
}
