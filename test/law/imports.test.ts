import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { type SourceFile, sourceFiles } from './source.ts'

const FLOORS = ['lib', 'protocol', 'platform', 'journeys', 'api', 'store', 'main']
/** api and store stand beside each other: neither imports the other. */
const HEIGHT: Record<string, number> = { lib: 0, protocol: 1, platform: 2, journeys: 3, api: 4, store: 4, main: 5 }

const files = sourceFiles('src')

/** `src/platform/voice/play.ts` → floor `platform`, folder `src/platform/voice`. Nouns, protocols and journeys are folders. */
function placeOf(path: string) {
  const [, floor = '', second = ''] = path.split('/')
  const grouped = ['protocol', 'platform', 'journeys'].includes(floor) && !second.endsWith('.ts')
  return { floor, folder: grouped ? `src/${floor}/${second}` : `src/${floor}` }
}

function broken(rule: (file: SourceFile, target: string) => string | null): string[] {
  return files.flatMap((file) =>
    file.imports.flatMap(({ target }) => {
      const why = target ? rule(file, target) : null
      return why ? [`${file.path} imports ${target}: ${why}`] : []
    }),
  )
}

test('every file stands on a floor of the house', () => {
  const lost = files.filter(({ path }) => !FLOORS.includes(placeOf(path).floor)).map(({ path }) => path)
  assert.deepEqual(lost, [])
})

test('imports go down, never up and never sideways between api and store', () => {
  const upward = broken((file, target) => {
    const from = placeOf(file.path)
    const to = placeOf(target)
    if (from.floor === to.floor) return null
    return HEIGHT[to.floor]! < HEIGHT[from.floor]! ? null : `${from.floor} may not know ${to.floor}`
  })
  assert.deepEqual(upward, [])
})

test("imports across folders go through the folder's index.ts", () => {
  const sideDoors = broken((file, target) => {
    const from = placeOf(file.path)
    const to = placeOf(target)
    if (from.folder === to.folder || file.path.endsWith('.test.ts')) return null
    return target === `${to.folder}/index.ts` ? null : `the door is ${to.folder}/index.ts`
  })
  assert.deepEqual(sideDoors, [])
})

test('nouns know each other only by platform/words', () => {
  const nosy = broken((file, target) => {
    const from = placeOf(file.path)
    const to = placeOf(target)
    if (from.floor !== 'platform' || to.floor !== 'platform') return null
    return from.folder === to.folder || to.folder === 'src/platform/words' ? null : 'nouns meet in journeys'
  })
  assert.deepEqual(nosy, [])
})

test('journeys never import each other', () => {
  const crossed = broken((file, target) => {
    const from = placeOf(file.path)
    const to = placeOf(target)
    return from.floor === 'journeys' && to.floor === 'journeys' && from.folder !== to.folder ? 'a journey of its own' : null
  })
  assert.deepEqual(crossed, [])
})

test('across folders # is used, inside a folder ./', () => {
  const wrong = files.flatMap((file) =>
    file.imports
      .filter(({ specifier, target }) => {
        if (!target || file.path.endsWith('.test.ts')) return false
        const same = placeOf(file.path).folder === placeOf(target).folder
        return specifier.startsWith('#') ? same : !same
      })
      .map(({ specifier }) => `${file.path}: ${specifier}`),
  )
  assert.deepEqual(wrong, [])
})

test('what runs beside a subscriber’s program holds no store, billing or trunk', () => {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const reached = new Set<string>()
  const walk = (path: string) => {
    if (reached.has(path)) return
    reached.add(path)
    for (const { target, typeOnly } of byPath.get(path)?.imports ?? []) if (target && !typeOnly) walk(target)
  }
  assert.ok(byPath.has('src/main/agent.ts'))
  walk('src/main/agent.ts')
  const forbidden = [...reached].filter((path) => /^src\/(store|api|platform\/(usage|billing|trunk))\//.test(path))
  assert.deepEqual(forbidden, [])
})

test('only main reads the environment', () => {
  const readers = files
    .filter(({ path, text }) => placeOf(path).floor !== 'main' && !path.endsWith('.test.ts') && /\bprocess\.env\b/.test(text))
    .map(({ path }) => path)
  assert.deepEqual(readers, [])
})

test('SQL stands only in store', () => {
  const writers = files
    .filter(({ path, text }) => placeOf(path).floor !== 'store' && !path.endsWith('.test.ts') && /'(kysely|pg)'/.test(text))
    .map(({ path }) => path)
  assert.deepEqual(writers, [])
})

test('each folder of the house has its door', () => {
  const folders = new Set(files.map(({ path }) => placeOf(path).folder))
  const doors = new Set(files.filter(({ path }) => path.endsWith('/index.ts')).map(({ path }) => dirname(path)))
  const doorless = [...folders].filter(
    (folder) => !['src/main', 'src/journeys', 'src/api', 'src/store'].includes(folder) && !doors.has(folder),
  )
  assert.deepEqual(doorless, [])
})
