import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { confine } from '#lib/index.ts'
import { compiledCode, nodeCommand, treeBind } from '#platform/node/index.ts'
import { execute } from './namespace.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** A copy that every account can read, of what runs before anything is installed. */
let copy: string
before(() => {
  copy = mkdtempSync(join(tmpdir(), 'tl-set-up-'))
  for (const name of ['setup', 'package.json', 'package-lock.json'])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  cpSync(process.execPath, join(copy, 'node'))
  chmodSync(copy, 0o755)
})
after(() => rmSync(copy, { recursive: true }))

/** Runs a script of the shell and answers with its exit code and what it said. */
function sh(script: string, { unshared = false } = {}): Promise<{ code: number; said: string }> {
  const command = unshared ? ['unshare', '--mount', 'sh', '-c', script] : ['sh', '-c', script]
  const child = spawn(command[0]!, command.slice(1), { cwd: copy, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      said += chunk
    })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code: code ?? -1, said })))
}

test('without root set-up says so in one sentence, and does nothing', async () => {
  const { code, said } = await sh(`setpriv --reuid=65534 --regid=65534 --clear-groups ./node setup/run.mjs demo`)
  assert.deepEqual([code, said], [1, 'set-up: Network namespaces need root: run the same command as root (sudo -i).\n'])
})

test('without /dev/net/tun set-up says what is missing, and what to do', async () => {
  const { code, said } = await sh('mount -t tmpfs none /dev && ./node setup/run.mjs test', { unshared: true })
  assert.equal(code, 1)
  assert.match(
    said,
    /^set-up: \/dev\/net\/tun is missing, so no tunnel can be made: load the kernel module \(modprobe tun\).*\n$/,
  )
})

test('on another system, and with a Node that is too old, set-up says so', async () => {
  const as = (file: string, change: string) => {
    writeFileSync(join(copy, file), change)
    return sh(`./node --import ./${file} setup/run.mjs start`)
  }
  const mac = await as('mac.mjs', "Object.defineProperty(process, 'platform', { value: 'darwin' })")
  assert.match(
    mac.said,
    /^set-up: Tieline runs on Linux on x86-64 or arm64, and this is darwin on \w+: use a Debian 12 machine\.\n$/,
  )
  const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.0' } })"
  assert.match((await as('old.mjs', old)).said, /^set-up: Node 18\.20\.0 is too old: install Node 20 or newer\.\n$/)
  assert.equal(mac.code, 1)
})

test('what was cut off half-way is done again, also where the tree is by then as it was before', async () => {
  writeFileSync(join(copy, 'npm.mjs'), 'process.exit(Number(process.env.CODE))\n')
  const lock = readFileSync(join(copy, 'package-lock.json'), 'utf8')
  const setUp = (code: number) => sh(`CODE=${code} npm_execpath=./npm.mjs ./node setup/run.mjs check`)
  assert.match((await setUp(0)).said, /^set-up: installing npm packages/)
  assert.doesNotMatch((await setUp(0)).said, /installing/)
  writeFileSync(join(copy, 'package-lock.json'), `${lock}\n`)
  assert.match((await setUp(1)).said, /npm could not install the packages/)
  writeFileSync(join(copy, 'package-lock.json'), lock)
  assert.match((await setUp(0)).said, /^set-up: installing npm packages/)
})

test('a Debian package that cannot be had is named, with its reason and what to do', async () => {
  writeFileSync(join(copy, 'apt-get'), '#!/bin/sh\necho "E: Unable to locate package"\nexit 100\n', { mode: 0o755 })
  const hidden = 'mount -t tmpfs none /usr/share/pocketsphinx'
  const { code, said } = await sh(`${hidden} && PATH=${copy}:$PATH ${process.execPath} ${ROOT}setup/setup.mjs start`, {
    unshared: true,
  })
  assert.equal(code, 1)
  assert.match(said, /installing Debian packages: pocketsphinx-en-us \(and its model of English\)/)
  assert.match(
    said,
    /Debian could not install pocketsphinx-en-us: check the package sources, or install them by hand\.\nE: Unable/,
  )
})

test('an account of the platform finds what set-up has compiled, at the place where it sees the tree', async () => {
  const tree = { root: ROOT.replace(/\/$/, ''), seen: mkdtempSync(join(tmpdir(), 'tl-seen-')) }
  after(() => rmSync(tree.seen, { recursive: true }))
  chmodSync(tree.seen, 0o755)
  const { program, args } = confine(
    { user: 'tieline-switch', binds: [treeBind(tree)] },
    nodeCommand(tree, 'src/main/switch/start.ts'),
  )
  const { code, out, err } = await execute([program, ...args], '', {
    ...{ PATH: process.env.PATH, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
    ...compiledCode(tree),
  })
  assert.equal(code, 0, err)
  const found = new Set([...`${out}${err}`.matchAll(/code cache for \w+ file:\/\/(\S+) was accepted/g)].map(([, file]) => file))
  assert(found.has(join(tree.seen, 'src/main/switch/start.ts')))
  assert(found.size > 300, `${found.size} modules`)
})
