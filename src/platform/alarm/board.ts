import type { Alarm, AlarmChange, Condition } from '#platform/words/index.ts'
import { judge, type Observation, tells } from './judge.ts'

/** Changes that are remembered. */
const REMEMBERED = 1000

/** Which alarms hold now, and what has changed lately. */
export class AlarmBoard {
  readonly #alarms = new Map<string, Alarm>()
  readonly #changes: AlarmChange[] = []
  readonly #waiting = new Set<(change: AlarmChange) => void>()
  #number = 0

  /** Those that hold, the gravest and then the oldest first. */
  get active(): Alarm[] {
    const grave = ({ severity }: Alarm) => (severity === 'critical' ? 0 : 1)
    return [...this.#alarms.values()].sort((a, b) => grave(a) - grave(b) || a.since.localeCompare(b.since))
  }

  /** What has changed after the change of this number, oldest first. */
  changes(after = 0): AlarmChange[] {
    return this.#changes.filter(({ number }) => number > after)
  }

  /** Told of each change from now on, until what it gives is called. */
  subscribe(told: (change: AlarmChange) => void): () => void {
    this.#waiting.add(told)
    return () => this.#waiting.delete(told)
  }

  /** Takes what was seen; gives what has changed by it. */
  take(seen: Observation): AlarmChange[] {
    const at = new Date(seen.wall).toISOString()
    const conditions = new Map(judge(seen, (code, about) => this.#alarms.has(keyOf({ code, about }))).map((c) => [keyOf(c), c]))
    const changed: AlarmChange[] = []
    for (const [key, alarm] of this.#alarms) {
      if (conditions.has(key) || !tells(seen, alarm.code)) continue
      this.#alarms.delete(key)
      changed.push(this.#change('alarm.cleared', alarm, at))
    }
    for (const [key, condition] of conditions) {
      const known = this.#alarms.get(key)
      const alarm = { ...condition, since: known?.since ?? at }
      this.#alarms.set(key, alarm)
      if (!known) changed.push(this.#change('alarm.raised', alarm, at))
      else if (known.severity !== alarm.severity) changed.push(this.#change('alarm.changed', alarm, at))
    }
    return changed
  }

  #change(type: AlarmChange['type'], alarm: Alarm, at: string): AlarmChange {
    const change = { number: ++this.#number, at, type, alarm }
    this.#changes.push(change)
    if (this.#changes.length > REMEMBERED) this.#changes.shift()
    for (const told of this.#waiting) told(change)
    return change
  }
}

function keyOf({ code, about }: Pick<Condition, 'code' | 'about'>): string {
  return `${code} ${about}`
}
