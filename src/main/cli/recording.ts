import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { RecordingFacts } from '#platform/recording/index.ts'
import type { Context } from './context.ts'
import { part } from './parse.ts'

export function recordingCommands(program: Command, context: (command: Command) => Context): void {
  const noun = program.command('recording').description('what calls have recorded')
  noun
    .command('list <subscriber>')
    .description('recordings, the oldest first')
    .action(async (subscriber: string, _options, command: Command) => {
      const { client, out } = context(command)
      const recordings = await client.all<RecordingFacts>(`/v1/subscribers/${part(subscriber)}/recordings`)
      out.table(
        recordings,
        [
          ['RECORDING', (r) => r.id],
          ['STARTED', (r) => r.startedAt],
          ['SECONDS', (r) => (r.durationMs / 1000).toFixed(1)],
          ['CHANNELS', (r) => String(r.channels)],
          ['CALL', (r) => r.call],
          ['', (r) => (r.complete ? '' : 'without its end')],
        ],
        'Nothing is recorded.',
      )
    })
  noun
    .command('get <subscriber> <recording>')
    .description('a recording as a WAV file')
    .option('--out <file>', 'where it is written; <recording>.wav unless named')
    .action(async (subscriber: string, recording: string, { out: file }: { out?: string }, command: Command) => {
      const { client, out } = context(command)
      const bytes = await client.download(`/v1/subscribers/${part(subscriber)}/recordings/${part(recording)}/audio`)
      const path = file ?? `${part(recording)}.wav`
      await writeFile(path, bytes, { mode: 0o600 })
      out.done({ file: path, bytes: bytes.length }, `Written to ${path}.`)
    })
  noun
    .command('remove <subscriber> <recording>')
    .description('remove a recording')
    .action(async (subscriber: string, recording: string, _options, command: Command) => {
      const { client, out } = context(command)
      await client.delete(`/v1/subscribers/${part(subscriber)}/recordings/${part(recording)}`)
      out.done(null, 'The recording is removed.')
    })
}
