/**
 * The templates of HTCondor's configuration.
 *
 * From the checkout they are read; scripts/build.mjs puts their texts in the place of `ownTemplates`. The machine's owner
 * may replace one, or add more, in a folder of his own. Handlebars is loaded when it is first needed: an agent without a
 * pool never pays for it.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, messageOf, WowError } from '../core/errors.ts'
import { ownTemplates } from './own-templates.ts'

const SUFFIX = '.hbs'

export type Values = Readonly<Record<string, unknown>>

/**
 * Renders all templates; texts by file name, `.hbs` left off.
 *
 * `folder`: the machine owner's, which need not be there. @throws WowError that names the template.
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
