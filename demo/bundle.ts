import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const TARBALL = join(ROOT, 'sdk/dist/tieline-agent.tgz')

/**
 * Makes a folder that can be deployed: the program, the packed SDK, and copies of the packages that its package.json asks
 * for, which the repository has installed already. Nothing is fetched.
 */
export function bundle(source: string, target: string): string {
  cpSync(resolve(ROOT, source), target, { recursive: true, filter: (path) => !path.includes('node_modules') })
  const modules = join(target, 'node_modules')
  mkdirSync(modules, { recursive: true })
  const { dependencies = {} } = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8'))
  for (const name of Object.keys(dependencies))
    if (name === '@tieline/agent') unpackSdk(modules)
    else copyPackage(name, modules)
  return target
}

function unpackSdk(modules: string): void {
  if (!existsSync(TARBALL)) execFileSync(process.execPath, [join(ROOT, 'sdk/build.mjs')], { stdio: 'ignore' })
  const folder = join(modules, '@tieline', 'agent')
  mkdirSync(folder, { recursive: true })
  execFileSync('tar', ['-xzf', TARBALL, '--strip-components=1', '-C', folder])
}

function copyPackage(name: string, modules: string): void {
  const source = join(ROOT, 'node_modules', name)
  const target = join(modules, name)
  if (existsSync(target) || !existsSync(source)) return
  cpSync(source, target, { recursive: true })
  const { dependencies = {} } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  for (const needed of Object.keys(dependencies)) copyPackage(needed, modules)
}
