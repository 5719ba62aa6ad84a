import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, realpath, rename, rm } from 'node:fs/promises'
import { isAbsolute, join, normalize, relative, sep } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { create, type ReadEntry, Unpack } from 'tar'
import { TielineError } from '#lib/index.ts'

/** What a bundle may be at most. */
export interface BundleLimits {
  /** Of the tarball. */
  packedBytes: number
  /** Of the files in it. */
  unpackedBytes: number
  entries: number
}

export const BUNDLE_LIMITS: BundleLimits = { packedBytes: 64 << 20, unpackedBytes: 256 << 20, entries: 50_000 }

/** What a bundle says of itself in its package.json. */
export interface BundleManifest {
  /** The entry file, relative to the bundle's root. */
  entry: string
  /** `tieline.listen`: ports on which the site may call its agent. */
  listen: number[]
}

function invalid(message: string): TielineError {
  return new TielineError(message, { code: 'invalid-bundle', fault: 'subscriber', retry: false, http: 422 })
}

/** SHA-256 of the tarball in hex: the name under which a bundle is kept. */
export function bundleDigest(tarball: Uint8Array): string {
  return createHash('sha256').update(tarball).digest('hex')
}

/**
 * Unpacks a gzipped tarball into `into`, which appears complete or not at all and may be there already. Files get mode
 * 0644 and directories 0755 (whatever may be executed keeps that), owned by whoever unpacks. Rejects with
 * `invalid-bundle` on absolute paths, `..`, links that lead out, devices, and on what exceeds the limits.
 */
export async function unpackBundle(tarball: Uint8Array, into: string, limits = BUNDLE_LIMITS): Promise<BundleManifest> {
  if (tarball.length > limits.packedBytes) throw invalid(`the tarball has more than ${limits.packedBytes} bytes`)
  const part = `${into}.${process.pid}.part`
  await rm(part, { recursive: true, force: true })
  await mkdir(part, { recursive: true, mode: 0o755 })
  try {
    await extract(tarball, part, limits)
    const manifest = await readManifest(part)
    if (existsSync(into)) await rm(part, { recursive: true })
    else await rename(part, into)
    return manifest
  } catch (error) {
    await rm(part, { recursive: true, force: true })
    throw error
  }
}

async function extract(tarball: Uint8Array, part: string, limits: BundleLimits): Promise<void> {
  let wrong: TielineError | null = null
  let bytes = 0
  let entries = 0
  const check = (path: string, entry: ReadEntry): boolean => {
    bytes += entry.size
    if (++entries > limits.entries) wrong ??= invalid(`the bundle has more than ${limits.entries} entries`)
    if (bytes > limits.unpackedBytes) wrong ??= invalid(`the bundle has more than ${limits.unpackedBytes} bytes`)
    const fault = wrong ? null : faultOf(path, entry)
    if (fault) wrong = invalid(`${path.slice(0, 200)} ${fault}`)
    return wrong === null
  }
  const unpack = new Unpack({
    cwd: part,
    strict: true,
    preserveOwner: false,
    noMtime: true,
    umask: 0o022,
    dmode: 0o755,
    fmode: 0o644,
    // Our own check comes first, with the path as it is written: tar would quietly take the slash off.
    preservePaths: false,
    filter: (path, entry) => check(path, entry as ReadEntry),
    maxDecompressionRatio: 1000,
  } as ConstructorParameters<typeof Unpack>[0])
  try {
    await pipeline(Readable.from([Buffer.from(tarball)]), unpack as unknown as NodeJS.WritableStream)
  } catch (error) {
    throw wrong ?? invalid(`the tarball cannot be read: ${(error as Error).message}`)
  }
  if (wrong) throw wrong
}

function faultOf(path: string, entry: ReadEntry): string | null {
  if (isAbsolute(path) || path.split('/').includes('..')) return 'leads out of the bundle'
  switch (entry.type) {
    case 'File':
    case 'OldFile':
    case 'ContiguousFile':
    case 'Directory':
    case 'ExtendedHeader':
    case 'GlobalExtendedHeader':
      return null
    case 'SymbolicLink':
      return leadsOut(join(path, '..', entry.linkpath ?? ''), entry.linkpath) ? 'is a link that leads out of the bundle' : null
    case 'Link':
      return leadsOut(entry.linkpath ?? '', entry.linkpath) ? 'is a link that leads out of the bundle' : null
    default:
      return `is a ${entry.type}, which a bundle may not have`
  }
}

function leadsOut(target: string, written: string | undefined): boolean {
  const path = normalize(target)
  return !written || isAbsolute(written) || path === '..' || path.startsWith(`..${sep}`)
}

/** Reads package.json: the entry is `tieline.entry`, or what `exports` or `main` name, or index.js. */
export async function readManifest(directory: string): Promise<BundleManifest> {
  let manifest: { main?: unknown; exports?: unknown; tieline?: { entry?: unknown; listen?: unknown } }
  try {
    manifest = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'))
  } catch (error) {
    throw invalid(`package.json cannot be read: ${(error as Error).message}`)
  }
  const entry = manifest.tieline?.entry ?? exported(manifest.exports) ?? manifest.main ?? 'index.js'
  if (typeof entry !== 'string') throw invalid('package.json names no entry: main or exports must be a path')
  // Links inside may be chained so that each leads a step further: what counts is where they end.
  const root = await realpath(directory)
  const file = await realpath(join(directory, entry)).catch(() => null)
  if (file === null) throw invalid(`the entry ${entry.slice(0, 200)} does not exist`)
  const inside = relative(root, file)
  if (inside === '' || inside.startsWith('..')) throw invalid('the entry leads out of the bundle')
  const listen = manifest.tieline?.listen ?? []
  const isPort = (p: unknown) => Number.isInteger(p) && (p as number) > 0 && (p as number) < 65_536
  if (!Array.isArray(listen) || listen.length > 16 || !listen.every(isPort)) {
    throw invalid('tieline.listen must be a list of at most 16 ports')
  }
  return { entry: inside, listen }
}

function exported(exports: unknown): unknown {
  if (typeof exports !== 'object' || exports === null) return exports
  const map = exports as Record<string, unknown>
  return exported(map['.'] ?? map.import ?? map.node ?? map.default)
}

/**
 * Packs a directory, its node_modules included, as a gzipped tarball. The same files give the same bytes: entries are
 * sorted, without owner and time. `.git` and what begins with `.env` stay out.
 */
export async function packBundle(directory: string): Promise<Buffer> {
  await readManifest(directory)
  const names = (await readdir(directory)).filter((name) => name !== '.git' && !name.startsWith('.env')).sort()
  const paths = (await Promise.all(names.map((name) => walk(directory, name)))).flat()
  const chunks: Buffer[] = []
  const options = { cwd: directory, gzip: { level: 6 }, portable: true, noMtime: true, noDirRecurse: true } as const
  for await (const chunk of create(options, paths)) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

async function walk(directory: string, path: string): Promise<string[]> {
  const entries = await readdir(join(directory, path), { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') return null
    throw error
  })
  if (entries === null) return [path]
  const names = entries.map((e) => join(path, e.name)).sort()
  const inner = await Promise.all(
    names.map((name, i) =>
      entries.find((e) => join(path, e.name) === names[i])?.isDirectory() ? walk(directory, name) : [name],
    ),
  )
  return [path, ...inner.flat()]
}
