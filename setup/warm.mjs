// Imports what most tests start as processes, so that the compile cache has it: a process that is killed, as tests do it,
// leaves nothing there.
import { flushCompileCache } from 'node:module'

const STARTED = ['main/switch/start', 'main/control/start', 'main/host/start', 'main/cli/program', 'platform/voice/index']
for (const module of STARTED) await import(`../src/${module}.ts`)
flushCompileCache()
process.exit(0)
