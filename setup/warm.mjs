// Has V8 compile what our processes read, into the cache that NODE_COMPILE_CACHE names: a process that is killed leaves nothing there,
// and one of an account of the platform may not write there. Root writes it, and all may read it.
import { chmodSync, existsSync, readdirSync, symlinkSync } from 'node:fs'
import { flushCompileCache, getCompileCacheDir } from 'node:module'
import { basename, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { accountUids } from './accounts.mjs'

const PROCESSES = ['main/switch/start', 'main/control/start', 'main/host/start', 'main/cli/program', 'platform/voice/index']
/** Where processes and their threads begin: these wait for a word that never comes, or end at once where they are no thread. */
const BEGINNINGS = ['main/switch', 'main/voice', 'main/control', 'platform/voice/worker', 'platform/voice/sound-worker']
/** What they load only when they need it. */
const LATER = ['reflect-metadata', '@peculiar/x509', 'pdfkit', 'yaml', '../src/platform/node/config-problems.ts']
for (const module of PROCESSES) await import(`../src/${module}.ts`)
for (const module of LATER) await import(module)
// A single one that is missing has its process load the whole stripper of types.
for (const module of BEGINNINGS) import(`../src/${module}.ts`).catch(() => {})
await setImmediate()
flushCompileCache()

// Node looks in a folder whose name ends with the uid, and makes files that their owner alone may read.
const folder = getCompileCacheDir()
for (const file of readdirSync(folder)) chmodSync(join(folder, file), 0o644)
for (const uid of accountUids()) {
  const link = folder.replace(/-0$/, `-${uid}`)
  if (!existsSync(link)) symlinkSync(basename(folder), link)
}
process.exit(0)
