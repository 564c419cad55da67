/** Where things are in the checkout. */

import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')
export const inRoot = (...parts: string[]): string => join(root, ...parts)

/** Everything that can be rebuilt; git ignores it. `WOW_CACHE` names another folder, to build from scratch. */
export const cacheFolder = resolve(process.env.WOW_CACHE || inRoot('.cache'))
export const lockFile = (name: string): string => join(cacheFolder, 'locks', name)
/** Unfinished work; the process that holds the kind's lock empties it. */
export const scratchFolder = (kind: string): string => join(cacheFolder, 'tmp', kind)

export const distFolder = inRoot('dist')
export const imagesFolder = inRoot('images')
export const templatesFolder = inRoot('templates')

/** The agent as scripts/build.mjs builds it. */
export const agentBundle = inRoot('build', 'wow.mjs')
export const tapAddon = inRoot('build', 'tap.node')
/** All that a machine needs to run the agent, except the code cache, which each machine's own Node writes. */
export const agentFiles: readonly string[] = [
  agentBundle,
  inRoot('build', 'wow.cjs'),
  inRoot('build', 'systeminformation.cjs'),
  inRoot('build', 'handlebars.cjs'),
  tapAddon,
]
