/** Where things are in the checkout. */

import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')
export const inRoot = (...parts: string[]): string => join(root, ...parts)

/** Everything that can be built again; git ignores it. `WOW_CACHE` names another folder, to build as if for the first time. */
export const cacheFolder = resolve(process.env.WOW_CACHE || inRoot('.cache'))
export const lockFile = (name: string): string => join(cacheFolder, 'locks', name)
/** Unfinished work; emptied by whoever holds the lock of its kind. */
export const scratchFolder = (kind: string): string => join(cacheFolder, 'tmp', kind)

export const distFolder = inRoot('dist')
export const imagesFolder = inRoot('images')
export const templatesFolder = inRoot('templates')

/** The agent as scripts/build.mjs leaves it. */
export const agentBundle = inRoot('build', 'wow.mjs')
export const tapAddon = inRoot('build', 'tap.node')
/** All that a machine needs to run the agent, but for the code cache, which is of each machine's own Node. */
export const agentFiles: readonly string[] = [
  agentBundle,
  inRoot('build', 'wow.cjs'),
  inRoot('build', 'systeminformation.cjs'),
  inRoot('build', 'handlebars.cjs'),
  tapAddon,
]
