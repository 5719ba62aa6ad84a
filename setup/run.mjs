#!/usr/bin/env node
// What `npm run …` calls: makes the machine ready, then runs the real thing with the Node that package.json pins.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileCache, node, orExplain, setUp } from './setup.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const biome = join(root, `node_modules/@biomejs/cli-linux-${process.arch}/biome`)
const [command = '', ...args] = process.argv.slice(2)

/** Test files below the folders, as paths from the root. */
function testsIn(...folders) {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
        .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1)),
    )
    .filter((path) => !path.includes('node_modules/'))
    .sort()
}

/**
 * Runs a program, Node 24 unless another is named, to its end, passing signals on; resolves with its exit code. What it says goes
 * where ours does, or to a descriptor.
 */
function run(args, { program = node, output = 'inherit' } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ['inherit', output, output] })
    // A terminal gives Ctrl-C to the whole foreground group: the child has it already, and a second one means force.
    const pass = (signal) => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    }
    process.on('SIGINT', pass)
    process.on('SIGTERM', pass)
    child.on('exit', (code, signal) => {
      process.off('SIGINT', pass)
      process.off('SIGTERM', pass)
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1))
    })
  })
}

/** Runs one after the other until one fails. */
async function inTurn(...steps) {
  for (const step of steps) {
    const code = await step()
    if (code !== 0) return code
  }
  return 0
}

/** Tests that start nothing share two processes, each with about half of the work; what the second says is shown behind the first. */
async function pureTests(files) {
  const list = join(root, 'node_modules', '.tieline-pure')
  const output = openSync(list, 'w')
  const half = (file) => file.startsWith('src/protocol/') || file.startsWith('sdk/')
  const share = (files, options) => run(['--test', '--test-isolation=none', '--test-reporter=spec', ...files], options)
  const codes = await Promise.all([
    share(files.filter(half)),
    share(
      files.filter((file) => !half(file)),
      { output },
    ),
  ])
  closeSync(output)
  process.stdout.write(readFileSync(list))
  return codes.find((code) => code !== 0) ?? 0
}

/** Files that load the machine or measure its time: they run with nothing beside them. Of all others a few run at once. */
const ALONE = new Set([
  'src/platform/voice/service.test.ts',
  'test/call/attack.test.ts',
  'test/call/scenes.test.ts',
  'test/call/scene-interrupt.test.ts',
  'test/interop/voice-cycles.test.ts',
  'test/interop/voice-verbs.test.ts',
  'test/world/world.test.ts',
])
/** What takes longest begins first, so that nothing runs on when all others are done. */
const LONG = [
  'test/control/nasty.test.ts',
  'test/call/agent-deploy.test.ts',
  'test/call/names.test.ts',
  'test/call/sound-files.test.ts',
  'test/call/restart.test.ts',
  'test/call/office-speech.test.ts',
  'test/call/office-telephones.test.ts',
  'test/call/forward.test.ts',
  'test/call/long-headers.test.ts',
]
/** They wait more than they work: on two cores three take turns. */
const AT_ONCE = 3
/** More files than this that fail are no matter of the machine. */
const MOST_AGAIN = 10

/**
 * Runs files of tests that start processes. They live by real clocks on machines that others use too, so a file that fails
 * is run once more by itself, and says so: what fails twice is red.
 */
async function wholeCalls(files) {
  const [together, alone] = [files.filter((file) => !ALONE.has(file)), files.filter((file) => ALONE.has(file))]
  const inOrder = [...LONG.filter((file) => together.includes(file)), ...together.filter((file) => !LONG.includes(file))]
  const failed = [...(await failing(inOrder, AT_ONCE)), ...(await failing(alone, 1))]
  if (failed.length === 0) return 0
  if (failed.length > MOST_AGAIN) return 1
  process.stdout.write(`\nfailed, and run once more by themselves:\n${failed.map((file) => `  ${file}\n`).join('')}\n`)
  return run(['--test', '--test-concurrency=1', `--test-timeout=${TIMEOUT_MS}`, ...failed])
}

/** Runs files in their order, a number at once, and names those that failed. */
async function failing(files, concurrency) {
  const list = join(root, 'node_modules', '.tieline-failed')
  const code = await run(['setup/test-files.mjs', list, String(concurrency), String(TIMEOUT_MS), ...files])
  const failed = readFileSync(list, 'utf8').split('\n').filter(Boolean)
  // What ended without naming a file, or by a signal, is no run that may be repeated.
  if (code > 1 || (code !== 0 && failed.length === 0)) process.exit(code)
  return failed
}

const TIMEOUT_MS = 300_000

const commands = {
  check: () =>
    inTurn(
      () => run(['node_modules/typescript/bin/tsc', '-p', '.']),
      () => run(['check', '--error-on-warnings', '.'], { program: biome }),
    ),
  async test() {
    if (args.length) return run(['--test', '--test-concurrency=1', ...args])
    const pure = testsIn('src', 'sdk', 'setup', 'test/law')
    const timed = pure.filter((file) => ALONE.has(file))
    return inTurn(
      () => pureTests(pure.filter((file) => !ALONE.has(file))),
      () => wholeCalls([...timed, ...testsIn('test/peer', 'test/world', 'test/control', 'test/call', 'test/interop')]),
    )
  },
  demo: () => run(['demo/main.ts', ...args]),
  start: () => run(['src/main/cli.ts', 'up', ...args]),
  bench: () => run(['bench/main.ts', ...args]),
}

if (!(command in commands)) {
  process.stderr.write(`usage: node setup/run.mjs ${Object.keys(commands).join(' | ')}\n`)
  process.exit(2)
}
await orExplain(() => setUp(command))
// Tests start some thousand processes, of which most read all of src.
Object.assign(process.env, compileCache)
process.exitCode = await commands[command]()
