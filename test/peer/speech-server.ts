import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'

/** What the server was asked: the path and who asked, what was to be said, how much sound came. */
export interface SpeechAsked {
  path: string
  from: string
  /** Of `/v1/audio/speech`: its body. */
  order?: { input: string; voice: string; model: string }
  /** Of `/v1/audio/transcriptions`: bytes of the form, which holds the sound. */
  bytes?: number
}

export interface SpeechMood {
  /** Hz of what it says, at 24 kHz. */
  tone: number
  /** What it understands, whatever is said; told word by word to whoever asks for that. */
  text: string
  /** Says nothing any more, or dies in the middle of its answer. */
  fault?: 'hangs' | 'dies'
}

/** The office's own speech server: speaks a tone and understands what it is told to, as OpenAI's does. */
export interface SpeechServer extends Disposable {
  readonly asked: SpeechAsked[]
  mood: SpeechMood
}

/** Ms of sound for each word. */
const WORD_MS = 200

function tone(hz: number, ms: number): Buffer {
  const samples = Int16Array.from({ length: 24 * ms }, (_, i) => Math.round(8000 * Math.sin((2 * Math.PI * hz * i) / 24_000)))
  return Buffer.from(samples.buffer)
}

export async function startSpeechServer(address: string, port: number): Promise<SpeechServer> {
  const speech: SpeechServer = {
    asked: [],
    mood: { tone: 600, text: '' },
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray())
    const path = request.url ?? ''
    const from = request.socket.remoteAddress ?? ''
    const speaks = path === '/v1/audio/speech'
    speech.asked.push({ path, from, ...(speaks ? { order: JSON.parse(body.toString()) } : { bytes: body.length }) })
    if (speech.mood.fault === 'hangs') return
    const whole = speaks
      ? tone(speech.mood.tone, WORD_MS * JSON.parse(body.toString()).input.split(' ').length)
      : transcript(response, speech.mood.text, body.includes('name="stream"'))
    response.setHeader('content-type', speaks ? 'audio/pcm' : (response.getHeader('content-type') ?? 'application/json'))
    if (speech.mood.fault !== 'dies') response.end(whole)
    else response.write(whole.subarray(0, whole.length >> 1), () => response.destroy())
  })
  server.listen(port, address)
  await once(server, 'listening')
  return speech
}

function transcript(response: ServerResponse, text: string, piecewise: boolean): Buffer {
  if (!piecewise) return Buffer.from(JSON.stringify({ text }))
  response.setHeader('content-type', 'text/event-stream')
  const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`
  const deltas = text.split(/(?= )/).map((delta) => event({ type: 'transcript.text.delta', delta }))
  return Buffer.from(deltas.join('') + event({ type: 'transcript.text.done', text }))
}
