import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, sourceFiles } from './source.ts'

const PAGE = 'docs/pitfalls.md'

interface Row {
  id: string
  family: string
  behaviour: string
  tests: string[]
  open: string
}

const text = readFileSync(join(root, PAGE), 'utf8')

/** Each family of ids as its heading has it, `## Sound (M01–M16)`, with the ids that must stand below it. */
const families = [...text.matchAll(/^## .* \(([A-Z])01–\1(\d\d)\)$/gm)].map(([, letter, last]) => ({
  letter: letter!,
  ids: Array.from({ length: Number(last) }, (_, i) => `${letter}${String(i + 1).padStart(2, '0')}`),
}))

const rows: Row[] = [...text.matchAll(/^\| ([A-Z])(\d\d) \|(.*)\|$/gm)].map(([, family, number, rest]) => {
  const cells = rest!.split('|').map((cell) => cell.trim())
  assert.equal(cells.length, 3, `${family}${number} has four cells`)
  const [behaviour = '', tests = '', open = ''] = cells
  return {
    ...{ id: `${family}${number}`, family: family!, behaviour, open },
    tests: [...tests.matchAll(/`([^`]+)`/g)].map(([, path]) => path!),
  }
})

/** The ids in the names of a file's tests. */
function named(source: string): Set<string> {
  const titles = source.split('\n').filter((line) => /\b(test|it|describe)\(/.test(line) || /^\s*['`].*['`],$/.test(line))
  return new Set(titles.join('\n').match(/\b[A-Z]\d\d\b/g) ?? [])
}

test('the page of pitfalls has each id of each family once, and says what we do', () => {
  assert.equal(families.length, 8)
  assert.deepEqual(
    rows.map(({ id }) => id),
    families.flatMap(({ ids }) => ids),
  )
  assert.deepEqual(
    rows.filter(({ behaviour }) => behaviour.length < 20).map(({ id }) => id),
    [],
  )
})

test('each test that the page names is there, and has the id in a test’s name', () => {
  const wrong = rows.flatMap(({ id, tests }) =>
    tests.flatMap((path) => {
      if (!existsSync(join(root, path))) return [`${id}: there is no ${path}`]
      return named(readFileSync(join(root, path), 'utf8')).has(id) ? [] : [`${id}: no test of ${path} is named for it`]
    }),
  )
  assert.deepEqual(wrong, [])
})

test('each pitfall has a test, or the reason why it has none', () => {
  const silent = rows.filter(({ tests, open }) => tests.length === 0 && open.length < 10).map(({ id }) => id)
  assert.deepEqual(silent, [])
})

test('what a test is named for, the page does not call untested', () => {
  const files = sourceFiles('src', 'test').filter(({ path }) => path.endsWith('.test.ts') && !path.startsWith('test/law/'))
  const tried = new Set(files.flatMap(({ text: source }) => [...named(source)]))
  const stale = rows.filter(({ id, tests }) => tests.length === 0 && tried.has(id)).map(({ id }) => id)
  assert.deepEqual(stale, [], `${PAGE} is to name the test of each of these`)
})
