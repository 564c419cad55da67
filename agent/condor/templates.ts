/**
 * The templates of HTCondor's configuration.
 *
 * In a checkout they are read from files; in the bundle scripts/build.mjs replaces `ownTemplates` with their texts. The
 * machine's owner may replace templates or add more in a folder. Handlebars is loaded on first use: an agent without a
 * pool never pays for it.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, messageOf, WowError } from '../core/errors.ts'
import { ownTemplates } from './own-templates.ts'

const SUFFIX = '.hbs'

export type Values = Readonly<Record<string, unknown>>

/**
 * Renders all templates; returns texts by file name without `.hbs`.
 *
 * `folder`: the machine owner's templates; it need not exist. @throws WowError that names the template.
 */
export async function renderAll(values: Values, folder: string): Promise<Map<string, string>> {
  const { default: Handlebars } = await import('handlebars')
  const rendered = new Map<string, string>()
  for (const [name, text] of new Map([...Object.entries(ownTemplates()), ...templatesIn(folder)])) {
    try {
      const render = Handlebars.compile(text, { strict: true, noEscape: true })
      rendered.set(name.slice(0, -SUFFIX.length), render(values))
    } catch (error) {
      throw new WowError(
        'CONDOR_TEMPLATE',
        `The template ${name} does not render: ${messageOf(error).split('\n')[0]}.`,
        `Correct it, or remove it from ${folder}.`,
      )
    }
  }
  return rendered
}

function templatesIn(folder: string): [string, string][] {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw new WowError('CONDOR_TEMPLATE', `The folder ${folder} cannot be read: ${messageOf(error)}.`, 'Remove it.')
  }
  return names.filter((name) => name.endsWith(SUFFIX)).map((name) => [name, readFileSync(join(folder, name), 'utf8')])
}
