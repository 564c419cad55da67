/**
 * Settings given to one copy of an appliance after the image was made (docs/appliance.md). They come from a folder with
 * one file for each source; files override each other in the order of their names.
 *
 * The console names each source and the fields that it set; a source that cannot be used is named too, and ignored.
 */

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, InputError } from '../core/errors.ts'
import { readConfigFile, type UpOptions } from './config.ts'

export interface Source {
  /** Such as `cidata`. */
  readonly name: string
  /** The fields that it set. */
  readonly fields: readonly string[]
  /** Why the source was ignored; undefined: it was not. */
  readonly problem?: string
}

export interface Overridden {
  readonly options: UpOptions
  readonly sources: readonly Source[]
}

/** The fields that may be overridden. The others belong to the image; a mistake there could cut the machine off. */
const FIELDS: readonly string[] = ['token', 'bootstrap', 'listen', 'announce', 'mdns', 'portMapping', 'mtu', 'condor']
/** Such as `20-cidata.json`. */
const FILE = /^(?:\d+-)?(.+)\.json$/

/** `image`: the image's own options. @throws the system's error when the folder exists but cannot be read. */
export function override(image: UpOptions, folder: string, warn: (sentence: string) => void): Overridden {
  let options = image
  const sources: Source[] = []
  for (const file of filesOf(folder)) {
    const name = FILE.exec(file)?.[1]
    if (name === undefined) continue
    try {
      const given = Object.fromEntries(
        Object.entries(readConfigFile(join(folder, file), warn)).filter(([field]) => FIELDS.includes(field)),
      )
      options = { ...options, ...given }
      sources.push({ name, fields: Object.keys(given) })
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      sources.push({ name, fields: [], problem: error.message })
    }
  }
  return { options, sources }
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

/** `wow: settings from=cidata fields=token,bootstrap`; never the values, because a token is a secret. */
export function sourceLine({ name, fields, problem }: Source): string {
  const rest = problem === undefined ? `fields=${fields.join(',') || 'none'}` : `problem=${JSON.stringify(problem)}`
  return `wow: settings from=${name} ${rest}`
}
