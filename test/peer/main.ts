/**
 * A far end as a process of its own: `main.ts sip|flood|dns|crm|speech|http`. It is commanded by JSON lines on standard input,
 * `{ id, method, params }`, and answers `{ id, result }` or `{ id, error }` and `{ event, … }` on standard output.
 */
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { now, until } from './clock.ts'
import { type Customer, startCrm } from './crm.ts'
import { type Records, startDns } from './dns.ts'
import { FarEnd } from './sip/far-end.ts'
import { type Flood, floodMessage, junk } from './sip/flood.ts'
import { Password } from './sip/password.ts'
import { RawEnd } from './sip/raw.ts'
import type { PlaceOptions, Rule } from './sip/rule.ts'
import { type SpeechMood, type SpeechServer, startSpeechServer } from './speech-server.ts'

// A method takes whatever its caller, which is typed, has sent.
// biome-ignore lint/suspicious/noExplicitAny: the typed door is client.ts
type Methods = Record<string, (params: any) => unknown>

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function sipMethods(): Methods {
  let end: FarEnd
  return {
    async start(options: { address: string; port: number; name: string; watched: number[] }) {
      end = await FarEnd.open(options)
      end.onCall = (report) => say({ event: 'call', at: now(), report })
      return { port: end.socket.port }
    },
    rules: ({ rules }: { rules: Rule[] }) => {
      end.rules = rules
    },
    password: (options: { user: string; password: string }) => {
      new Password(end.socket, options)
    },
    async place(options: PlaceOptions) {
      return { call: (await end.place(options)).id }
    },
    async wait({ call, phase, timeoutMs }: { call: string; phase: 'up' | 'ended'; timeoutMs: number }) {
      const there = end.call(call)
      await until(`${call} to be ${phase}`, () => there.phase === phase || there.phase === 'ended', timeoutMs)
      return there.report()
    },
    hangup: ({ call }: { call: string }) => end.call(call).hangup(),
    cancel: ({ call }: { call: string }) => {
      const there = end.call(call)
      if ('cancel' in there && typeof there.cancel === 'function') there.cancel()
    },
    press: ({ call, digits }: { call: string; digits: string }) => end.call(call).stream.press(digits),
    sing: ({ call, frequency }: { call: string; frequency: number }) => end.call(call).sing(frequency),
    report: ({ call }: { call: string }) => end.call(call).report(),
    list: () => end.calls.map((call) => ({ ...call.report(), media: null })),
  }
}

function floodMethods(): Methods {
  return {
    async flood({ from, to, perSecond, ms, what }: Flood) {
      await using end = await RawEnd.open(from)
      const make = 'bytes' in what ? junk(what.bytes) : floodMessage(end, to, what.user)
      return { sent: await end.flood(make, to, perSecond, ms), heard: end.heard.length }
    },
  }
}

function dnsMethods(): Methods {
  let dns: Awaited<ReturnType<typeof startDns>>
  return {
    async start({ address, records }: { address: string; records: Record<string, string | Records> }) {
      dns = await startDns(address, records)
    },
    questions: () => dns.questions,
    /** Tells something else from now on of these names. */
    tell({ records }: { records: Record<string, string | Records> }) {
      Object.assign(dns.records, records)
    },
  }
}

function speechMethods(): Methods {
  let speech: SpeechServer
  return {
    async start({ address, port }: { address: string; port: number }) {
      speech = await startSpeechServer(address, port)
    },
    asked: () => speech.asked,
    mood: ({ mood }: { mood: SpeechMood }) => {
      speech.mood = mood
    },
  }
}

function crmMethods(): Methods {
  let crm: Awaited<ReturnType<typeof startCrm>>
  return {
    async start({ address, customers }: { address: string; customers: Customer[] }) {
      crm = await startCrm(address, customers)
    },
    query: ({ text, values }: { text: string; values?: unknown[] }) => crm.query(text, values),
    stop: () => crm?.[Symbol.asyncDispose](),
  }
}

/** A client of an HTTP API, for those who are outside the namespace. */
function httpMethods(): Methods {
  return {
    async fetch({ url, method, key, body }: { url: string; method: string; key: string; body?: unknown }) {
      const headers = {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(method === 'POST' ? { 'idempotency-key': randomUUID() } : {}),
      }
      const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      const text = await response.text()
      return { status: response.status, body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text }
    },
  }
}

const ROLES: Record<string, () => Methods> = {
  sip: sipMethods,
  flood: floodMethods,
  dns: dnsMethods,
  crm: crmMethods,
  speech: speechMethods,
  http: httpMethods,
}
const methods = ROLES[process.argv[2] ?? '']?.()
if (!methods) throw new Error(`usage: main.ts ${Object.keys(ROLES).join('|')}`)

const lines = createInterface({ input: process.stdin })
lines.on('line', async (line) => {
  const { id, method, params } = JSON.parse(line)
  try {
    say({ id, result: (await methods[method]?.(params ?? {})) ?? null })
  } catch (error) {
    say({ id, error: error instanceof Error ? error.message : String(error) })
  }
})
// Whoever commands us is gone: so are we.
lines.on('close', async () => {
  await methods.stop?.({})
  process.exit(0)
})
process.on('SIGINT', () => {})
