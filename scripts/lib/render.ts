/**
 * Every generated file comes from a template.
 *
 * A file whose name ends in `.hbs` is rendered by handlebars; any other is copied. Values are escaped for XML only in
 * XML templates. A value that a template names but nobody gave is an error, not an empty string.
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

/** Lays the files under `from` over the tree at `to` and renders templates; executable files stay executable. */
export function renderTree(from: string, to: string, values: Values): void {
  for (const file of filesUnder(from)) {
    const isTemplate = file.endsWith('.hbs')
    const target = join(to, relative(from, isTemplate ? file.slice(0, -'.hbs'.length) : file))
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 })
    rmSync(target, { force: true }) // nothing must be written through a link that a package left there
    if (isTemplate) writeFileSync(target, render(file, values))
    else cpSync(file, target)
    chmodSync(target, (statSync(file).mode & 0o100) !== 0 ? 0o755 : 0o644)
  }
}
