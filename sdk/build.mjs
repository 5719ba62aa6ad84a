// Builds @tieline/agent: one JavaScript file with the link bundled in, its declarations, and the tarball that examples
// and deployments depend on. Plain Node, so that it runs before anything else does.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const here = import.meta.dirname
const dist = join(here, 'dist')
// Made aside and moved into place, so that two builds at once do no harm.
const aside = join(dist, `build-${process.pid}`)
// The folder that becomes the package. Its package.json lies elsewhere until now, or `#` would mean this folder.
const folder = join(aside, 'package')
const types = join(folder, 'types')
const work = join(aside, 'work')

mkdirSync(types, { recursive: true })

const { metafile } = await build({
  entryPoints: [join(here, 'src/index.ts')],
  outfile: join(folder, 'index.js'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  metafile: true,
  logLevel: 'warning',
})
const foreign = Object.values(metafile.outputs)
  .flatMap((o) => o.imports)
  .filter((i) => !i.path.startsWith('node:'))
const inside = Object.values(metafile.outputs)
  .flatMap((o) => Object.keys(o.inputs))
  .filter((path) => path.includes('node_modules'))
if (foreign.length + inside.length > 0)
  throw new Error(`the bundle must stand alone, but has ${JSON.stringify([foreign, inside])}`)

const tsc = join(here, '../node_modules/typescript/bin/tsc')
execFileSync(process.execPath, [tsc, '-p', here, '--outDir', work], { stdio: 'inherit' })
for (const name of readdirSync(join(work, 'sdk/src'))) {
  const text = readFileSync(join(work, 'sdk/src', name), 'utf8')
  // What comes from the platform's own modules is not in the tarball: nothing public may speak of it.
  if (text.includes("'#")) throw new Error(`${name} names a module of the platform`)
  writeFileSync(join(types, name), text.replaceAll(/(from\s+['"]\.\/[\w-]+)\.ts(['"])/g, '$1.js$2'))
}
cpSync(join(here, 'manifest.json'), join(folder, 'package.json'))
cpSync(join(here, 'README.md'), join(folder, 'README.md'))
rmSync(work, { recursive: true })

// npm names the tarball after its version; those who depend on it by path want one name.
const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm']
const [packed] = JSON.parse(
  execFileSync(npm[0], [...npm.slice(1), 'pack', '--json', '--pack-destination', aside], { cwd: folder }),
)
renameSync(join(aside, packed.filename), join(dist, 'tieline-agent.tgz'))
rmSync(aside, { recursive: true })
console.log(`sdk/dist/tieline-agent.tgz: ${packed.files.length} files, ${Math.round(packed.size / 1024)} KiB`)
