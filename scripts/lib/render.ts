/**
 * Every generated file comes from a template.
 *
 * A file whose name ends in `.hbs` is rendered by handlebars, any other is taken as it is; values are escaped for XML
 * only where the template is one. A value that a template names and nobody gave is an error, not an empty string.
 */

import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import Handlebars from 'handlebars'
import { filesUnder } from './files-under.ts'

export type Values = Readonly<Record<string, unknown>>

/** Renders one template file. */
export function render(file: string, values: Values): string {
  const escapesXml = file.endsWith('.xml.hbs')
  const template = Handlebars.compile(readFileSync(file, 'utf8'), { strict: true, noEscape: !escapesXml })
  return template(values)
}

/** Lays the files under `from` over the tree at `to`, rendering templates; a source that may be executed stays so. */
export function renderTree(from: string, to: string, values: Values): void {
  for (const file of filesUnder(from)) {
    const isTemplate = file.endsWith('.hbs')
    const target = join(to, relative(from, isTemplate ? file.slice(0, -'.hbs'.length) : file))
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 })
    rmSync(target, { force: true }) // a link that a package left there must not be written through
    if (isTemplate) writeFileSync(target, render(file, values))
    else cpSync(file, target)
    chmodSync(target, (statSync(file).mode & 0o100) !== 0 ? 0o755 : 0o644)
  }
}
