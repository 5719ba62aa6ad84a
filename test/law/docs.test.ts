import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import type { Command } from 'commander'
import { buildProgram } from '../../src/main/cli/program.ts'
import { anchors, pages, quoted } from './pages.ts'
import { root, sourceFiles } from './source.ts'

const all = pages()

test('each link of a page leads to a file that is there, and to a heading that it has', () => {
  const dead = all.flatMap((page) =>
    [...page.prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
      if (/^[a-z]+:/.test(link!)) return []
      const [file = '', anchor] = link!.split('#')
      const path = file === '' ? page.path : normalize(join(dirname(page.path), file))
      if (!existsSync(join(root, path))) return [`${page.path}: there is no ${link}`]
      const target = all.find((one) => one.path === path)
      return anchor === undefined || (target && anchors(target).includes(anchor)) ? [] : [`${page.path}: no heading ${link}`]
    }),
  )
  assert.deepEqual(dead, [])
})

test('each file that a page names is there', () => {
  const FOLDER = /^(bench|bin|demo|docs|examples|sdk|setup|src|test)\/[\w./@-]*$/
  const lost = all.flatMap((page) =>
    quoted(page)
      .filter((name) => FOLDER.test(name) && !/^sdk\/dist\//.test(name))
      .filter((name) => !existsSync(join(root, name)))
      .map((name) => `${page.path}: there is no ${name}`),
  )
  assert.deepEqual(lost, [])
})

test('each figure of Prometheus that a page names is one of ours', () => {
  const source = sourceFiles('src')
    .map(({ text }) => text)
    .join('\n')
  const known = (name: string) => source.includes(name) || source.includes(name.replace(/^tieline_/, ''))
  const unknown = all
    .filter(({ path }) => path.startsWith('docs/operate/'))
    .flatMap((page) => quoted(page).flatMap((text) => text.match(/\btieline_[a-z_]+/g) ?? []))
    .filter((name) => !known(name))
  assert.deepEqual(unknown, [])
})

test('each npm script that a page names is one', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const unknown = all.flatMap((page) =>
    [...quoted(page), ...page.typed]
      .flatMap((text) => [...text.matchAll(/\bnpm (?:run )?(?:--silent )?([a-z]+)\b/g)].map(([, name]) => name!))
      .filter((name) => !(name in scripts) && !['install', 'ci', 'pack', 'run'].includes(name))
      .map((name) => `${page.path}: npm run ${name}`),
  )
  assert.deepEqual(unknown, [])
})

test('each command line that a page shows is one that the CLI understands', () => {
  const wrong = all.flatMap((page) => [
    ...page.typed.filter(isOurs).flatMap((line) => mistakes(line, 'whole').map((why) => `${page.path}: ${line}: ${why}`)),
    ...quoted(page)
      .filter(isOurs)
      .flatMap((line) => mistakes(line, 'part').map((why) => `${page.path}: ${line}: ${why}`)),
  ])
  assert.deepEqual(wrong, [])
})

/** `event tail acme` is no command line of ours: in running text some are named without the program. */
function isOurs(line: string): boolean {
  return /^\s*(bin\/)?tieline(\s|$)/.test(line)
}

/** What the CLI would say of a line; one in running text may leave arguments out, and what must be said. */
function mistakes(line: string, how: 'whole' | 'part'): string[] {
  const words = wordsOf(line).slice(1)
  let command: Command = buildProgram({})
  for (let next = commandOf(command, words[0]); next; next = commandOf(command, words[0])) {
    command = next
    words.shift()
  }
  const given: string[] = []
  const found: string[] = []
  if (command.commands.length > 0 && !words[0]?.startsWith('-'))
    return words.length === 0 && how === 'part' ? [] : [`there is no ${words[0] ?? 'verb'}`]
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (!word.startsWith('-') || word === '-') {
      given.push(word)
      continue
    }
    const option = command.options.find(({ long, short }) => word === long || word === short)
    if (!option) found.push(`there is no ${word}`)
    else if (option.required || (option.optional && words[0] && !words[0].startsWith('-'))) words.shift()
  }
  const most = command.registeredArguments.at(-1)?.variadic ? Number.POSITIVE_INFINITY : command.registeredArguments.length
  if (given.length > most) found.push(`${given.slice(most)} is too much`)
  if (how === 'part') return found
  if (given.length < command.registeredArguments.filter(({ required }) => required).length) found.push('an argument is missing')
  const unsaid = command.options.filter(({ mandatory, long }) => mandatory && !line.includes(`${long} `))
  return [...found, ...unsaid.map(({ long }) => `${long} is missing`)]
}

function commandOf(command: Command, name: string | undefined): Command | undefined {
  return command.commands.find((one) => one.name() === name)
}

/** The words of a line as a shell has them, up to a comment, a pipe or a redirection. */
function wordsOf(line: string): string[] {
  const [command = ''] = line.split(/\s(?:#|>|\||&&)/)
  return command.trim().split(/\s+/)
}
