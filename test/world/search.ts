import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** A secret by its name, as it was told. */
export interface Secret {
  name: string
  value: string
}

/** A place where secrets are looked for, and what is in it. */
export interface Place {
  name: string
  content: Buffer
}

/** In how many forms a secret could be written down: as it is, in base64 and hex, and what it is the base64 of. */
function forms(value: string): Buffer[] {
  const bytes = Buffer.from(value)
  const found = [bytes, ...['base64', 'base64url', 'hex'].map((form) => Buffer.from(bytes.toString(form as 'hex')))]
  if (/^[\w+/-]{40,}={0,2}$/.test(value)) {
    const raw = Buffer.from(value, 'base64')
    found.push(raw, Buffer.from(raw.toString('hex')), Buffer.from(raw.toString('base64url')), Buffer.from(raw.toString('base64')))
  }
  if (value.startsWith('-----BEGIN')) {
    const lines = value.split('\n').filter((line) => line.length > 40 && !line.startsWith('-----'))
    found.push(...lines.map((line) => Buffer.from(line)), Buffer.from(lines.join(''), 'base64'))
  }
  return found
}

/** Where which secret is to be read, one line a find. */
export function findSecrets(secrets: readonly Secret[], places: readonly Place[]): string[] {
  const wanted = secrets.map(({ name, value }) => ({ name, all: forms(value) }))
  return places.flatMap(({ name: place, content }) =>
    wanted.filter(({ all }) => all.some((form) => content.includes(form))).map(({ name }) => `${name} in ${place}`),
  )
}

/** Every file below a directory, but those whose path fits. */
export function filesBelow(directory: string, but: RegExp): Place[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !but.test(relative(directory, path)))
    .map((path) => ({ name: relative(directory, path), content: readFileSync(path) }))
}

/** Command line and environment of processes; of one that has ended meanwhile there is nothing. */
export function processPlaces(pids: readonly string[]): Place[] {
  return pids.flatMap((pid) => {
    try {
      return ['cmdline', 'environ'].map((file) => ({ name: `${file} of ${pid}`, content: readFileSync(`/proc/${pid}/${file}`) }))
    } catch {
      return []
    }
  })
}
