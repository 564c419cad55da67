/** The texts of templates/condor by file name. In the bundle those texts replace this module (scripts/build.mjs). */

import { readdirSync, readFileSync } from 'node:fs'

const FOLDER = new URL('../../templates/condor/', import.meta.url)

export function ownTemplates(): Readonly<Record<string, string>> {
  return Object.fromEntries(readdirSync(FOLDER).map((name) => [name, readFileSync(new URL(name, FOLDER), 'utf8')]))
}
