import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sourceFiles } from './source.ts'

const DECLARED =
  /^export (?:declare )?(?:async )?(?:function\*?|const|let|class|abstract class|interface|type) ([A-Za-z_$][\w$]*)/gm
/** `export { … } from` of a door: it passes a name on, which is no use of it. */
const PASSED_ON = /^export (?:type )?\{[^}]*\} from '[^']*'/gm

test('whatever is exported is used: in its own file or by somebody else, and not by the doors alone', () => {
  const all = sourceFiles('src', 'sdk', 'test', 'bench', 'demo', 'examples')
  const times = new Map<string, number>()
  for (const { text } of all) {
    for (const [name] of text.replaceAll(PASSED_ON, '').matchAll(/[A-Za-z_$][\w$]*/g)) times.set(name, (times.get(name) ?? 0) + 1)
  }
  const unused = all
    .filter(({ path }) => path.startsWith('src/'))
    .flatMap(({ path, text }) => [...text.matchAll(DECLARED)].map(([, name = '']) => ({ path, name })))
    .filter(({ name }) => times.get(name) === 1)
    .map(({ path, name }) => `${path}: ${name}`)
  assert.deepEqual(unused, [])
})
