/** Finds and loads the addon, `tap.node`: all that this program has of machine code of its own (the .c files here). */

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WowError } from '../core/errors.ts'

let loaded: unknown

/**
 * The functions of tap.c and memory.c, as far as the caller knows them; their comments say what they take.
 *
 * It lies beside the bundle, or in build/ of the checkout when running from sources.
 * @throws WowError `ADDON_MISSING`; whatever Node says when it does not load
 */
export function addon<T>(): T {
  if (loaded === undefined) {
    const here = dirname(fileURLToPath(import.meta.url))
    const places = [join(here, 'tap.node'), join(here, '..', '..', 'build', 'tap.node')]
    const file = places.find((place) => existsSync(place))
    if (file === undefined) {
      throw new WowError('ADDON_MISSING', `the addon tap.node is not in ${here}`, 'Run `node scripts/build-addon.mjs`.')
    }
    loaded = createRequire(import.meta.url)(file)
  }
  return loaded as T
}
