import { timeText } from './time.ts'

/** When records were made, and whose they are: said once for those that have it in common, in the digits and words of the text. */
export interface Common {
  readonly wall: string
  readonly mono: string
  readonly boot: string
  readonly subscriber: string
  readonly call: string
}

/** Where a record's text is; good until whoever is shown it returns. */
export interface RecordOctets {
  bytes: Buffer
  from: number
  to: number
}

/**
 * The JSON of a record that stands in few words, or as JSON already, among those that have this in common. A letter says what it is, words follow with a
 * blank behind each, and JSON is the last:
 *
 *     E<id> <number> <type> <leg> <,"cause":…,"data":…>                      event
 *     T<id> <kind> <count> <leg> <detail>                                    lease.taken
 *     A<lease>                                                               lease.answered
 *     R<id> <kind> <count> <leg> <wall> <mono> <wall> <mono> <reason …>      lease.released: when it was taken, and answered
 *     C<number> <state>                                                      call
 *     D<number> <changes>                                                    call.changed
 *
 * What is not there is `-`. Ids, kinds, types and boots have no blank and need no escaping; what others can choose is JSON. A lease that is
 * released tells all of itself again, since usage follows from this one record.
 */
export function wholeText(text: string, common: Common): string {
  const { subscriber, call } = common
  const { now, time } = momentOf(common)
  switch (text[0]) {
    case 'E': {
      const [id, number, type, leg, rest] = words(text, 4)
      const event = `{"id":"${id}","subscriber":"${subscriber}","number":${number},"at":"${time}","type":"${type}","call":"${call}"`
      return `{"type":"event","at":${now},"event":${event}${member('leg', leg!)}${rest || ',"data":{}'}}}`
    }
    case 'T': {
      const [id, kind, count, leg, detail] = words(text, 4)
      const lease = `{"id":"${id}","subscriber":"${subscriber}","kind":"${kind}","count":${count},"call":"${call}","taken":${now}`
      return `{"type":"lease.taken","at":${now},"lease":${lease}${member('leg', leg!)}${detail ? `,"detail":${detail}` : ''}}}`
    }
    case 'A':
      return `{"type":"lease.answered","at":${now},"lease":"${text.slice(1)}"}`
    case 'R': {
      const [id, kind, count, leg, wall, mono, answeredWall, answeredMono, reason] = words(text, 8)
      const instantAt = (wall: string, mono: string) => `{"wall":${wall},"mono":${mono},"boot":"${common.boot}"}`
      const lease = `{"id":"${id}","subscriber":"${subscriber}","kind":"${kind}","count":${count},"call":"${call}","taken":${instantAt(wall!, mono!)}`
      const answered = answeredWall === '-' ? '' : `,"answered":${instantAt(answeredWall!, answeredMono!)}`
      return `{"type":"lease.released","at":${now},"lease":${lease}${member('leg', leg!)}${answered},"released":${now},"reason":${reason}}}`
    }
    case 'C': {
      const [number, state] = words(text, 1)
      return `{"type":"call","at":${now},"call":"${call}","state":${state},"number":${number}}`
    }
    case 'D': {
      const [number, changes] = words(text, 1)
      return `{"type":"call.changed","at":${now},"call":"${call}","number":${number},"changes":${changes}}`
    }
    default:
      return text
  }
}

/** Whether a record's text is of what a call is carried on from, which nobody but the switch itself needs: without reading all of it. */
export function isStateOfCall(text: string): boolean {
  const letter = text[0]
  return letter === 'C' || letter === 'D' || text.startsWith('{"type":"call"') || text.startsWith('{"type":"call.changed"')
}

/** The first `count` words behind the letter, and what is behind those. */
function words(text: string, count: number): string[] {
  const found: string[] = []
  let from = 1
  for (let i = 0; i < count; i++) {
    const blank = text.indexOf(' ', from)
    found.push(text.slice(from, blank))
    from = blank + 1
  }
  found.push(text.slice(from))
  return found
}

function member(name: string, word: string): string {
  return word === '-' ? '' : `,"${name}":"${word}"`
}

/** What many records have in common is made once for all of them. */
let last: Common | null = null
let moment = { now: '', time: '' }

function momentOf(common: Common): typeof moment {
  if (common !== last) {
    const { wall, mono, boot } = common
    moment = { now: `{"wall":${wall},"mono":${mono},"boot":"${boot}"}`, time: timeText(Number(wall)) }
    last = common
  }
  return moment
}
