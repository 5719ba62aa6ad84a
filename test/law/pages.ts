import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './source.ts'

/** A page of documentation. */
export interface Page {
  /** From the project's root. */
  path: string
  text: string
  /** Without its fenced blocks. */
  prose: string
  /** Lines of fenced blocks that are no language's: what is typed at a terminal. A line that ends in `\` goes on. */
  typed: string[]
}

/** Every Markdown file of the project. */
export function pages(): Page[] {
  return readdirSync(root, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((path) => !/(^|\/)(node_modules|dist|\.git)\//.test(path))
    .sort()
    .map(readPage)
}

function readPage(path: string): Page {
  const text = readFileSync(join(root, path), 'utf8')
  const typed = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, language]) => language === '')
    .flatMap(([, , block]) => block!.replaceAll('\\\n', ' ').split('\n'))
  return { path, text, prose: text.replaceAll(/^```[\s\S]*?^```$/gm, ''), typed }
}

/** What stands between backticks. */
export function quoted({ prose }: Page): string[] {
  return [...prose.matchAll(/`([^`]+)`/g)].map(([, inner]) => inner!.replaceAll(/\s+/g, ' '))
}

/** Headings as a browser finds them: lower case, hyphens for spaces, no other signs. */
export function anchors({ prose }: Page): string[] {
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
