import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, sourceFiles } from './source.ts'

const all = sourceFiles('src', 'sdk', 'test', 'bench', 'demo', 'examples')
const lines = (text: string) => text.split('\n').length

test('no file has over 450 lines, and half of them at most 150', () => {
  const long = all.filter(({ text }) => lines(text) > 450).map(({ path, text }) => `${path}: ${lines(text)}`)
  assert.deepEqual(long, [])
  const sizes = all.filter(({ path }) => path.startsWith('src/')).map(({ text }) => lines(text))
  const median = sizes.sort((a, b) => a - b)[Math.floor(sizes.length / 2)]!
  assert.ok(median <= 150, `the median file of src has ${median} lines`)
})

test('no file is named for what it is not', () => {
  const vague = all
    .filter(({ path }) => /\/(\w*-)?(managers?|helpers?|utils?|common|misc)\.ts$/.test(path))
    .map(({ path }) => path)
  assert.deepEqual(vague, [])
})

test('nothing is left undone in the text', () => {
  const left = all
    .filter(({ text, path }) => !path.startsWith('test/law/') && /\b(TODO|FIXME|XXX|HACK)\b/.test(text))
    .map(({ path }) => path)
  assert.deepEqual(left, [])
})

test('no test is skipped without a condition or runs alone', () => {
  const skipped = all
    .filter(({ text }) => /\b(test|it|describe)\.(skip|only|todo)\b|\bskip: ?true/.test(text))
    .map(({ path }) => path)
  assert.deepEqual(
    skipped.filter((path) => !path.startsWith('test/law/')),
    [],
  )
})

test('each noun and protocol says on one page what it owns', () => {
  for (const floor of ['src/platform', 'src/protocol']) {
    for (const entry of readdirSync(join(root, floor), { withFileTypes: true })) {
      if (!entry.isDirectory()) continue
      const path = join(root, floor, entry.name, 'README.md')
      assert.ok(existsSync(path), `${floor}/${entry.name} has no README.md`)
      const text = readFileSync(path, 'utf8')
      assert.ok(lines(text) <= 80, `${floor}/${entry.name}/README.md is longer than a page`)
    }
  }
})

// V8 takes such a literal for a method and allocates it in the old generation at once: when its call is over it holds all of it there
// until the next full collection. By way of a constant it is young (docs/performance.md).
test('no function literal is assigned to a property of what lives as long as a call', () => {
  const LITERAL = /[\w\])]\.#?\w+ (?:\?\?)?= (?:async )?(?:\([^()]*\)|\w+)(?:: [^=\n]+)? =>|[\w\])]\.#?\w+ = (?:async )?function/g
  const old = sourceFiles('src/journeys/call', 'src/platform/switch', 'src/platform/telephone', 'src/protocol/sip')
    .filter(({ path }) => !/\.(test|fixture)\.ts$/.test(path))
    .flatMap(({ path, text }) => (text.match(LITERAL) ?? []).map((found) => `${path}: ${found}`))
  assert.deepEqual(old, [])
})

test('the lock file names no registry', () => {
  assert.doesNotMatch(readFileSync(join(root, 'package-lock.json'), 'utf8'), /"resolved": "https?:/)
})

test('every dependency is recorded with its reason', () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const text = readFileSync(join(root, 'docs/dependencies.md'), 'utf8')
  const names = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })
  const unnamed = names.filter(
    (name) => !text.includes(`\`${name}\``) && !text.includes(`\`${name.replace(/-(x64|arm64)$/, '-*')}\``),
  )
  assert.deepEqual(unnamed, [])
})
