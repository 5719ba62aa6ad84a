import assert from 'node:assert/strict'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Header } from 'tar'
import { TielineError } from '#lib/index.ts'
import { BUNDLE_LIMITS, bundleDigest, packBundle, readManifest, unpackBundle } from './bundle.ts'

const temporary = (t: TestContext) => {
  const directory = mkdtempSync(join(tmpdir(), 'bundle-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

function example(directory: string, manifest: object = { main: 'lib/start.js', tieline: { listen: [8080] } }): string {
  mkdirSync(join(directory, 'lib'), { recursive: true })
  mkdirSync(join(directory, 'node_modules/.bin'), { recursive: true })
  mkdirSync(join(directory, 'node_modules/x'), { recursive: true })
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(directory, 'lib/start.js'), 'export default 1')
  writeFileSync(join(directory, 'node_modules/x/cli.js'), '')
  symlinkSync('../x/cli.js', join(directory, 'node_modules/.bin/x'))
  writeFileSync(join(directory, '.env.local'), 'PASSWORD=1')
  return directory
}

/** A tarball written by hand, as tar itself would refuse to make it. */
function tarball(entries: { path: string; type?: string; linkpath?: string; body?: string; size?: number }[]): Buffer {
  const blocks: Buffer[] = []
  for (const { path, type = 'File', linkpath, body = '', size } of entries) {
    const block = Buffer.alloc(512)
    new Header({ path, type: type as never, ...(linkpath ? { linkpath } : {}), size: size ?? body.length, mode: 0o777 }).encode(
      block,
    )
    blocks.push(block, Buffer.from(body), Buffer.alloc((512 - (body.length % 512)) % 512))
  }
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]))
}

const PACKAGE = { path: 'package.json', body: '{"main":"index.js"}' }
const ENTRY = { path: 'index.js', body: 'export default 1' }
const isInvalid = (e: unknown) => e instanceof TielineError && e.verdict.code === 'invalid-bundle'

test('a packed bundle unpacks to the same files, readable for all, with its manifest', async (t) => {
  const d = temporary(t)
  const packed = await packBundle(example(join(d, 'a')))
  assert.deepEqual(await unpackBundle(packed, join(d, 'b')), { entry: 'lib/start.js', listen: [8080] })
  assert.equal(readFileSync(join(d, 'b/lib/start.js'), 'utf8'), 'export default 1')
  assert.equal(statSync(join(d, 'b/lib/start.js')).mode & 0o777, 0o644)
  assert.equal(statSync(join(d, 'b/lib')).mode & 0o777, 0o755)
  assert.equal(statSync(join(d, 'b')).mode & 0o777, 0o755)
  assert.ok(existsSync(join(d, 'b/node_modules/.bin/x')))
  assert.ok(!existsSync(join(d, 'b/.env.local')), 'secrets of the workplace stay there')
})

test('the same files give the same bytes, whatever their times and owners’ rights', async (t) => {
  const d = temporary(t)
  example(join(d, 'a'))
  cpSync(join(d, 'a'), join(d, 'b'), { recursive: true, verbatimSymlinks: true })
  utimesSync(join(d, 'b/lib/start.js'), 1, 1)
  assert.equal(bundleDigest(await packBundle(join(d, 'a'))), bundleDigest(await packBundle(join(d, 'b'))))
  chmodSync(join(d, 'b/lib/start.js'), 0o644)
  writeFileSync(join(d, 'b/lib/start.js'), 'export default 2')
  assert.notEqual(bundleDigest(await packBundle(join(d, 'a'))), bundleDigest(await packBundle(join(d, 'b'))))
})

test('what would leave the bundle, or is no file, is refused, and nothing is left behind', async (t) => {
  const d = temporary(t)
  const bad = [
    { path: '../evil', body: 'x' },
    { path: 'a/../../evil', body: 'x' },
    { path: '/tmp/tieline-evil', body: 'x' },
    { path: 'link', type: 'SymbolicLink', linkpath: '/etc/passwd' },
    { path: 'link', type: 'SymbolicLink', linkpath: '../x' },
    { path: 'a/link', type: 'SymbolicLink', linkpath: '../../x' },
    { path: 'hard', type: 'Link', linkpath: '/etc/passwd' },
    { path: 'hard', type: 'Link', linkpath: '../x' },
    { path: 'dev', type: 'CharacterDevice' },
    { path: 'fifo', type: 'FIFO' },
  ]
  for (const entry of bad) {
    await assert.rejects(unpackBundle(tarball([PACKAGE, ENTRY, entry]), join(d, 'b')), isInvalid, JSON.stringify(entry))
    assert.deepEqual(
      [existsSync(join(d, 'b')), existsSync(join(d, 'evil')), existsSync('/tmp/tieline-evil')],
      [false, false, false],
    )
  }
  assert.deepEqual(await unpackBundle(tarball([PACKAGE, ENTRY]), join(d, 'b')), { entry: 'index.js', listen: [] })
})

test('limits of size and number hold while unpacking', async (t) => {
  const d = temporary(t)
  const many = Array.from({ length: 20 }, (_, i) => ({ path: `f${i}`, body: 'x' }))
  const limits = (over: object) => ({ ...BUNDLE_LIMITS, ...over })
  await assert.rejects(unpackBundle(tarball([PACKAGE, ENTRY, ...many]), join(d, 'b'), limits({ entries: 10 })), isInvalid)
  await assert.rejects(unpackBundle(tarball([PACKAGE, ENTRY]), join(d, 'b'), limits({ unpackedBytes: 20 })), isInvalid)
  await assert.rejects(unpackBundle(tarball([PACKAGE, ENTRY]), join(d, 'b'), limits({ packedBytes: 20 })), isInvalid)
  await assert.rejects(unpackBundle(Buffer.from('not a tarball'), join(d, 'b')), isInvalid)
  await assert.rejects(unpackBundle(tarball([PACKAGE, ENTRY]).subarray(0, 60), join(d, 'b')), isInvalid)
})

test('the entry is what exports, main or tieline.entry name, and must be there', async (t) => {
  const entryOf = async (manifest: object) => (await readManifest(example(temporary(t), manifest))).entry
  assert.equal(await entryOf({ exports: './lib/start.js' }), 'lib/start.js')
  assert.equal(await entryOf({ exports: { '.': { import: './lib/start.js' } } }), 'lib/start.js')
  assert.equal(await entryOf({ main: 'x', tieline: { entry: 'lib/start.js' } }), 'lib/start.js')
  for (const manifest of [{}, { main: 'none.js' }, { main: '/etc/passwd' }, { main: '../../../../etc/passwd' }, { main: '.' }]) {
    await assert.rejects(entryOf(manifest), isInvalid, JSON.stringify(manifest))
  }
  await assert.rejects(entryOf({ main: 'lib/start.js', tieline: { listen: [0] } }), isInvalid)
})
