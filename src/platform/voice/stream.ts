import type { StreamResult, VoiceMethods } from '#platform/words/index.ts'
import { Downsampler, RATE, Upsampler } from '#protocol/audio/index.ts'
import { FRAME, samplesOf, writeFrame, writeNumber, writeSamples } from '#protocol/stream/index.ts'
import type { AudioConnection, Ticket } from './audio-door.ts'
import type { Session, Streamed, StreamReport } from './session.ts'
import { STREAM_QUEUE } from './spoken-queue.ts'

type StreamParams = VoiceMethods['stream']['params']

/** Sound that a program may leave in its socket, ms; what comes beyond is dropped and counted. */
const BEHIND_MS = 1000

/** Marks that wait at a time. */
const MOST_MARKS = 1000

/** How often at most a program is told of what has left its queue, in samples: every 100 ms, and when it is empty. */
const TOLD_EVERY = RATE / 10

const FRAME_MS = 20

/** Within which a program must take the last frame, ms. */
const LAST_WORD_MS = 1000

/** Waits for the program, and carries sound between it and the endpoint until something ends it. */
export async function stream(session: Session, params: StreamParams, stop: AbortSignal, ticket: Ticket): Promise<StreamResult> {
  const nothing = { heardMs: 0, playedMs: 0, skippedMs: 0, droppedFrames: 0 }
  const withdraw = () => ticket.withdraw()
  stop.addEventListener('abort', withdraw, { once: true })
  const connection = await ticket.come
  stop.removeEventListener('abort', withdraw)
  if (stop.aborted) {
    connection?.socket.destroy()
    return { reason: endOf(stop), ...nothing }
  }
  if (!connection) return { reason: 'unclaimed', ...nothing }
  return new Conversation(session, params, connection).run(stop)
}

function endOf(stop: AbortSignal): 'gone' | 'stopped' {
  return stop.reason === 'gone' ? 'gone' : 'stopped'
}

/** One stream while it is open, on the main thread: frames to samples, rates, credit, marks. */
class Conversation {
  readonly #connection: AudioConnection
  readonly #voice: Streamed
  readonly #up: Upsampler
  readonly #down: Downsampler
  readonly #factor: number
  readonly #frameSamples: number
  readonly #marks: { number: number; at: number; clearing: boolean }[] = []
  readonly #end = Promise.withResolvers<StreamResult['reason']>()
  #unsent = new Int16Array(0)
  /** Samples at 8 kHz that the program has brought, and that have left the queue. */
  #brought = 0
  #gone = 0
  #cleared = 0
  #skipped = 0
  #told = 0
  #heardFrames = 0
  #dropped = 0
  #droppedTold = 0

  constructor(session: Session, { rateHz, hear, live }: StreamParams, connection: AudioConnection) {
    this.#connection = connection
    this.#factor = rateHz / RATE
    this.#frameSamples = (rateHz * FRAME_MS) / 1000
    this.#up = new Upsampler(this.#factor)
    this.#down = new Downsampler(this.#factor)
    this.#voice = session.stream({ hear, live }, (report) => this.#hear(report))
  }

  async run(stop: AbortSignal): Promise<StreamResult> {
    const { socket } = this.#connection
    const onStop = () => this.#end.resolve(endOf(stop))
    stop.addEventListener('abort', onStop, { once: true })
    socket.once('close', () => this.#end.resolve('agent-gone'))
    socket.write(writeNumber(FRAME.ready, STREAM_QUEUE * this.#factor))
    this.#connection.read(
      (type, payload) => this.#obey(type, payload),
      () => this.#end.resolve('protocol'),
    )
    const reason = await this.#end.promise
    stop.removeEventListener('abort', onStop)
    this.#voice.stop()
    socket.end(writeFrame(FRAME.end, Buffer.from(reason)))
    // A program that reads no more gets no more time.
    socket.setTimeout(LAST_WORD_MS, () => socket.destroy())
    return {
      reason,
      heardMs: this.#heardFrames * FRAME_MS,
      playedMs: Math.round((this.#gone - this.#cleared - this.#skipped) / (RATE / 1000)),
      skippedMs: Math.round(this.#skipped / (RATE / 1000)),
      droppedFrames: this.#dropped,
    }
  }

  #obey(type: number, payload: Buffer): void {
    if (type === FRAME.audio && payload.length % 2 === 0) this.#say(samplesOf(payload))
    else if (type === FRAME.clear) {
      for (const mark of this.#marks) mark.clearing = true
      this.#voice.clear()
    } else if (type === FRAME.mark && payload.length === 4 && this.#marks.length < MOST_MARKS) {
      this.#marks.push({ number: payload.readUInt32BE(), at: this.#brought, clearing: false })
      this.#reach(false)
    } else this.#end.resolve(type === FRAME.close ? 'closed' : 'protocol')
  }

  #say(samples: Int16Array): void {
    const pcm = this.#down.push(samples)
    this.#brought += pcm.length
    // It was told how much it may bring: more would be lost.
    if (this.#brought - this.#gone > STREAM_QUEUE) this.#end.resolve('protocol')
    else if (pcm.length > 0) this.#voice.say(pcm)
  }

  #hear({ pcm, gone, skipped, cleared }: StreamReport): void {
    this.#cleared += cleared ?? 0
    this.#skipped = skipped
    this.#gone = gone
    const { socket } = this.#connection
    socket.cork()
    this.#reach(cleared !== null)
    if (cleared !== null || gone - this.#told >= TOLD_EVERY || (gone === this.#brought && gone !== this.#told)) this.#tell()
    if (pcm.length > 0) this.#pass(this.#up.push(pcm))
    socket.uncork()
  }

  #tell(): void {
    this.#told = this.#gone
    this.#connection.socket.write(writeNumber(FRAME.gone, this.#gone * this.#factor))
  }

  /** Marks whose sound has left the queue come back; what a clear has taken was not played. */
  #reach(cleared: boolean): void {
    while (this.#marks.length > 0 && this.#marks[0]!.at <= this.#gone) {
      const { number, clearing } = this.#marks.shift()!
      this.#connection.socket.write(writeNumber(FRAME.mark, number, clearing && cleared ? 1 : 0))
    }
  }

  #pass(sound: Int16Array): void {
    const whole = new Int16Array(this.#unsent.length + sound.length)
    whole.set(this.#unsent)
    whole.set(sound, this.#unsent.length)
    let at = 0
    for (; at + this.#frameSamples <= whole.length; at += this.#frameSamples) {
      this.#send(whole.subarray(at, at + this.#frameSamples))
    }
    this.#unsent = whole.slice(at)
  }

  /** A program that doesn't read loses frames, and hears of it; the call never waits. */
  #send(frame: Int16Array): void {
    const { socket } = this.#connection
    if (socket.writableLength > (BEHIND_MS / FRAME_MS) * (2 * this.#frameSamples + 4)) {
      this.#dropped++
      return
    }
    if (this.#dropped !== this.#droppedTold) {
      this.#droppedTold = this.#dropped
      socket.write(writeNumber(FRAME.dropped, this.#dropped))
    }
    socket.write(writeSamples(frame))
    this.#heardFrames++
  }
}
