// Runs files of tests, each in a process of its own and a number of them at once, in the order in which they are given, which
// the command line of Node's test runner would sort. What has failed is named in a file, one a line.
import { createWriteStream } from 'node:fs'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import failedFiles from './failed-files.mjs'

const [listed = '', concurrency = '1', timeoutMs = '0', ...files] = process.argv.slice(2)
const stop = new AbortController()
const tests = run({ files, concurrency: Number(concurrency), timeout: Number(timeoutMs), signal: stop.signal })
tests.on('test:fail', () => {
  process.exitCode = 1
})
tests.compose(failedFiles).pipe(createWriteStream(listed))
tests.compose(spec).pipe(process.stdout)

// The processes of the tests end with us: they are killed in the turn after this one.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.on(signal, () => {
    stop.abort()
    setImmediate(() => process.exit(code))
  })
}
