import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { TurnedClock } from '#lib/index.ts'
import { logSink } from './log-sink.ts'

function sinkOf(pretty = false, level: 'debug' | 'info' = 'info') {
  const written: string[] = []
  return { written, sink: logSink({ write: (text) => void written.push(text), pretty, level, clock: new TurnedClock() }) }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('a JSON line of a process passes as it is, byte for byte', async () => {
  const { written, sink } = sinkOf()
  const stream = new PassThrough()
  sink.follow('switch', stream)
  const line = '{"level":"info","time":"2026-11-23T00:00:00.000Z","process":"switch","call":"call_1","message":"a call"}'
  stream.write(line.slice(0, 30))
  stream.write(`${line.slice(30)}\n{"level":"debug","message":"too quiet"}\n`)
  await turn()
  assert.deepEqual(written, [`${line}\n`])
})

test('what is not JSON becomes a line of its process, at the level that is said', async () => {
  const { written, sink } = sinkOf()
  const stream = new PassThrough()
  sink.follow('db', stream, (text) => (text.startsWith('LOG') ? 'debug' : 'error'))
  stream.end('LOG:  ready\nPANIC:  no disk\n\n')
  await turn()
  await turn()
  assert.deepEqual(
    written.map((text) => JSON.parse(text)),
    [{ level: 'error', time: '2026-11-23T00:00:00.000Z', process: 'db', message: 'a process printed', text: 'PANIC:  no disk' }],
  )
})

test('on a terminal a line is for people: time, process, sentence, fields', () => {
  const { written, sink } = sinkOf(true)
  sink
    .log('host')
    .child({ subscriber: 'sub_1' })
    .warn({ error: new Error('no way') }, 'a channel failed')
  const plain = written[0]!.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g'), '')
  assert.equal(plain, '00:00:00.000 host      a channel failed  subscriber=sub_1 error=no way\n')
})
