import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { type Clock, systemClock, type Timer } from '#lib/index.ts'
import { Speech, SphinxRecogniser } from '#platform/voice/index.ts'
import { RealtimeServer } from '../../sdk/src/realtime-server.ts'
import { SpeechServer } from '../../sdk/src/speech-server.ts'
import { TranscriptionServer } from '../../sdk/src/transcription-server.ts'
import { sleep, until } from '../peer/clock.ts'
import { type RealtimeOptions, startRealtimeServer } from '../peer/realtime-server.ts'
import { type Fault, type Make, PATIENCE_MS, recognitionContract, speechContract } from './engine-contract.ts'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'tl-engine-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

/** Processes of ours whose command line has the word. */
function children(word: string): number {
  return readdirSync('/proc').filter((pid) => {
    try {
      const parent = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[1]
      return parent === String(process.pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(word)
    } catch {
      return false
    }
  }).length
}

/** The system's clock, which knows how many of its timers run. */
class CountedClock implements Clock {
  running = 0
  readonly now = systemClock.now
  readonly wall = systemClock.wall

  after(ms: number, run: () => void, options?: { keepAlive?: boolean }): Timer {
    let over = false
    const end = () => {
      if (!over) this.running--
      over = true
    }
    const timer = systemClock.after(
      ms,
      () => {
        end()
        run()
      },
      options,
    )
    this.running++
    return {
      cancel: () => {
        end()
        timer.cancel()
      },
    }
  }
}

/** A speech program to which it happens. */
const PROGRAMS: Record<Exclude<Fault, 'away'>, string> = {
  hangs: 'while :; do sleep 1; done',
  'hangs within': 'head -c 4000 /dev/zero; while :; do sleep 1; done',
  dies: 'kill -9 $$',
  'dies within': 'head -c 4000 /dev/zero; kill -9 $$',
  refuses: 'exit 1',
  'wrong type': 'echo \'{"error":"no"}\'',
  garbage: 'head -c 5000 /dev/urandom',
  endless: 'while :; do head -c 1000000 /dev/zero; done',
  trickles: 'while :; do printf R; sleep 0.05; done',
  empty: 'exit 0',
}

const espeak: Make<Speech> = async (t, fault) => {
  const directory = folder(t)
  const command = join(directory, 'speak')
  if (fault && fault !== 'away') {
    writeFileSync(command, `#!/bin/sh\n${PROGRAMS[fault]}\n`)
    chmodSync(command, 0o755)
  }
  const limits = fault ? { command, timeoutMs: PATIENCE_MS } : {}
  const clock = new CountedClock()
  const engine = new Speech({ clock, directory: join(directory, 'kept'), ...limits })
  return { engine, left: () => clock.running + children(fault ? directory : 'espeak-ng') }
}

const READY = 'process.on("message", (order) => { if (order.start) process.send({ ready: true }); else answer(order) });\n'
const STAYS = 'setInterval(() => {}, 1000);\n'

/** A recogniser's process to which it happens. */
const PROCESSES: Record<Exclude<Fault, 'away'>, string> = {
  hangs: STAYS,
  'hangs within': `${READY}function answer() {}`,
  dies: 'process.kill(process.pid, "SIGSEGV")',
  'dies within': `${READY}function answer() { process.kill(process.pid, "SIGSEGV") }`,
  refuses: 'process.exit(1)',
  'wrong type': `${READY}function answer() { process.send({ text: 5, confidence: "high" }) }`,
  garbage: `${READY}function answer() { process.send({ text: "x".repeat(1e6), confidence: 1 }) }`,
  endless: `${READY}let busy = 0; function answer() { busy ||= setInterval(() => process.send({ partial: "and" }), 1) }`,
  trickles: `${READY}let busy = 0; function answer() { busy ||= setInterval(() => process.send({ partial: "a" }), 100) }`,
  empty: `${READY}function answer() { process.send(null); process.send({}) }`,
}

/** One that says all sorts of things before the right one, and behind it. */
const GARBLED = `${READY}const says = [{ partial: '' }, { partial: 'billing' }, { partial: 'billing department' }]
says.push({ text: 'billing department', confidence: 1 }, { partial: 'and' }, { partial: 7 })
function answer(order) { if (order.finish) for (const one of says) process.send(one) }`

const sphinx = async (t: TestContext, fault: Fault | null, program?: string) => {
  const file = join(folder(t), 'process.mjs')
  const is = program ?? (fault && fault !== 'away' ? PROCESSES[fault] : undefined)
  if (is) writeFileSync(file, is)
  if (program)
    return { engine: new SphinxRecogniser({ clock: systemClock, module: pathToFileURL(file) }), left: () => children(file) }
  const limits = fault ? { module: pathToFileURL(file), timeoutMs: PATIENCE_MS } : { timeoutMs: 30_000 }
  const clock = new CountedClock()
  const engine = new SphinxRecogniser({ clock, ...limits })
  return { engine, left: () => clock.running + children(fault ? file : 'sphinx-process') }
}

/** What a server sends: the type, and an answer whole or in its first piece. */
interface Answer {
  type: string
  whole: Buffer
  wrong: [type: string, body: string]
  garbage: Buffer
  endless: Buffer
  trickle: string
}

function behave(response: ServerResponse, fault: Fault | null, answer: Answer): void {
  const { type, whole, wrong, garbage, endless, trickle } = answer
  const first = whole.subarray(0, whole.length >> 1)
  response.setHeader('content-type', type)
  switch (fault) {
    case null:
      response.write(first)
      response.end(whole.subarray(first.length))
      return
    case 'hangs within':
      response.write(first)
      return
    case 'dies':
      response.destroy()
      return
    case 'dies within':
      response.write(first, () => response.destroy())
      return
    case 'refuses':
      response.writeHead(500).end(whole)
      return
    case 'wrong type':
      response.setHeader('content-type', wrong[0])
      response.end(wrong[1])
      return
    case 'garbage':
      response.end(garbage)
      return
    case 'endless': {
      const more = () => {
        while (!response.destroyed && response.write(endless));
      }
      response.on('drain', more)
      more()
      return
    }
    case 'trickles': {
      const timer = setInterval(() => response.write(trickle), 50)
      response.once('close', () => clearInterval(timer))
      return
    }
    case 'empty':
      response.end()
  }
}

/** A server of the office that gives this answer, or to which something happens; `left` are the requests that it still has. */
async function office(t: TestContext, fault: Fault | null, answer: Answer) {
  const open = new Set<ServerResponse>()
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    open.add(response)
    response.on('error', () => {})
    response.once('close', () => open.delete(response))
    request.resume()
    await once(request, 'end').catch(() => {})
    behave(response, fault, answer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const port = fault === 'away' ? 1 : (server.address() as AddressInfo).port
  return { url: `http://127.0.0.1:${port}/v1`, left: () => open.size }
}

/** A second of 700 Hz at 24 kHz. */
const SOUND = Buffer.from(
  Int16Array.from({ length: 24_000 }, (_, i) => Math.round(8000 * Math.sin((2 * Math.PI * 700 * i) / 24_000))).buffer,
)

const speechServer: Make<SpeechServer> = async (t, fault) => {
  const { url, left } = await office(t, fault, {
    type: 'audio/pcm',
    whole: SOUND,
    wrong: ['audio/mpeg', 'no raw sound'],
    garbage: Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0x64]), SOUND]),
    endless: SOUND,
    trickle: 'a',
  })
  return { engine: new SpeechServer({ url, model: 'tts-1', voice: 'nova', timeout: PATIENCE_MS / 1000 }), left }
}

const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`
const delta = (delta: unknown) => event({ type: 'transcript.text.delta', delta })
const TEXT = 'Billing department, please.'

const transcripts = (partials: boolean, told = delta('Billing') + delta(' department')): Make<TranscriptionServer> => {
  const text = TEXT
  const said = told + event({ type: 'transcript.text.done', text })
  return async (t, fault) => {
    const { url, left } = await office(t, fault, {
      type: partials ? 'text/event-stream; charset=utf-8' : 'application/json',
      whole: Buffer.from(partials ? said : JSON.stringify({ text })),
      wrong: ['text/html', '<h1>It works!</h1>'],
      garbage: Buffer.from(partials ? 'data: {"type"\n\n' : JSON.stringify({ text: 7 })),
      endless: Buffer.from(partials ? delta('and '.repeat(100)) : ' '.repeat(10_000)),
      trickle: partials ? ': still busy\n\n' : ' ',
    })
    const engine = new TranscriptionServer({ url, model: 'whisper-1', timeout: PATIENCE_MS / 1000, partials })
    return { engine, left }
  }
}

/** A server of the office that understands while somebody speaks, or to which something happens. */
const realtime = async (t: TestContext, fault: Fault | null, says: unknown[] = []) => {
  const server = await startRealtimeServer({ text: TEXT, ...(fault ? { fault } : {}), says })
  t.after(() => server[Symbol.dispose]())
  const url = fault === 'away' ? 'http://127.0.0.1:1/v1' : server.url
  return { engine: new RealtimeServer({ url, model: 'live', timeout: PATIENCE_MS / 1000 }), left: () => server.open }
}
const word = (text: unknown, type = 'delta') => {
  const words = type === 'delta' ? { delta: text } : { transcript: text }
  return { type: `conversation.item.input_audio_transcription.${type}`, item_id: 'item_1', ...words }
}

describe('C10 every engine gives what it must, or says in time that it can not, and leaves nothing', () => {
  speechContract('espeak-ng', espeak)
  speechContract('a speech server', speechServer)
  recognitionContract('pocketsphinx', sphinx, { tells: 'while somebody speaks', garbled: (t) => sphinx(t, null, GARBLED) })
  recognitionContract('a transcription server', transcripts(false), { tells: 'never' })
  recognitionContract('a transcription server that tells as it understands', transcripts(true), {
    tells: 'behind the end of speech',
    garbled: (t) =>
      transcripts(true, `${delta(7)}${delta('')}${delta('  ')}${delta('Billing')}${delta({})}${delta(null)}`)(t, null),
  })
  recognitionContract('a realtime server', realtime, {
    tells: 'while somebody speaks',
    garbled: (t) =>
      realtime(t, null, [word(7), word(''), word('and'), word({}), null, word('Billing department', 'completed'), word('more')]),
  })
})

describe('C10 a realtime server that lies costs its program nothing', () => {
  const many = (frame: number[], times: number) => Buffer.concat(Array.from({ length: times }, () => Buffer.from(frame)))
  const listening = async (t: TestContext, raw: RealtimeOptions['raw']) => {
    const server = await startRealtimeServer({ text: '', ...(raw ? { raw } : {}) })
    t.after(() => server[Symbol.dispose]())
    const recognition = new RealtimeServer({ url: server.url, model: 'live' }).listen({ language: 'en' }, () => {})
    t.after(() => recognition.close())
    return { server, recognition }
  }

  test('frames that break RFC 6455, or never make a message, end it at once', async (t) => {
    const nonsense: [string, Buffer, number?][] = [
      ['empty pieces', many([0x00, 0], 32_000), 40],
      ['a piece of nothing', Buffer.from([0x80, 2, 0x7b, 0x7d])],
      ['a message within another', many([0x01, 1, 0x20], 2)],
      ['no text', Buffer.from([0x82, 1, 0])],
      ['a long ping', Buffer.concat([Buffer.from([0x89, 126, 0x7f, 0xff]), Buffer.alloc(0x7fff)])],
      ['a ping in pieces', Buffer.from([0x09, 0])],
      ['a mask', Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x20])],
      ['a frame without end', Buffer.from([0x81, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
    ]
    for (const [what, bytes, times = 1] of nonsense) {
      const first = what === 'empty pieces' ? Buffer.from([0x01, 0]) : Buffer.alloc(0)
      const { server, recognition } = await listening(t, { bytes: Buffer.concat([first, bytes]), times })
      const why = /breaks the rules|does not stop talking|no text/
      const outcome = recognition.done.then(() => 'understood', String)
      assert.match(await Promise.race([outcome, sleep(3000).then(() => 'nothing')]), why, what)
      await until(`an end behind ${what}`, () => server.open === 0, 2000)
    }
  })

  test('pings of a server that reads nothing are not answered without end', async (t) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { server } = await listening(t, { bytes: many([0x89, 125, ...Array(125).fill(0)], 100), times: 2000, hears: promise })
    await sleep(500)
    resolve()
    await until('an answer', () => server.bytes > 0, 5000)
    let before = 0
    while (before < server.bytes) {
      before = server.bytes
      await sleep(300)
    }
    assert.ok(server.bytes < 16 << 20, `${server.bytes} bytes`)
  })

  test('words in thousands of pieces end it; an address that is none is said, and nothing happens behind it', async (t) => {
    const says = Array.from({ length: 1100 }, (_, i) => ({ ...word(''), item_id: i }))
    const { engine } = await realtime(t, null, says)
    const crumbs = engine.listen({ language: 'en' }, () => {})
    crumbs.finish()
    await assert.rejects(crumbs.done, /does not stop talking/)
    for (const url of ['office:8000/v1', 'http://', 'http://127.0.0.1:1/v1']) {
      const key = url.startsWith('http:') ? 'a\nb' : 'key'
      const lost = new RealtimeServer({ url, key, model: 'live', timeout: 0.1 }).listen({ language: 'en' }, () => {})
      await assert.rejects(lost.done, /can not be asked/)
      lost.close()
    }
    await sleep(200)
  })
})
