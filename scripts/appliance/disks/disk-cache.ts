/**
 * The base's disk in each container, made from the base's own qcow2 when first asked for, and cached.
 */

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { $ } from 'zx'
import { inRoot } from '../../lib/paths.ts'
import { step } from '../../lib/progress.ts'
import type { Base } from '../base/base.ts'
import { cached, has, KeyBuilder } from '../cache.ts'
import type { CachedDisk } from './container.ts'
import { CONTAINERS, type ContainerName } from './registry.ts'

/** Bases of one name replace each other in the cache. */
type BaseName = Pick<Base, 'id' | 'name'>

const factsSchema = v.object({ at: v.number() })

const kind = (base: BaseName, name: ContainerName) => `disk-${base.name}-${name}`
const fileName = (name: ContainerName) => `disk.${CONTAINERS[name].suffix}`

function diskKey(baseId: string, name: ContainerName): string {
  return new KeyBuilder()
    .value('base', baseId)
    .value('container', name)
    .folder('disks', inRoot('scripts', 'appliance', 'disks'))
    .finish()
}

/** Whether the disk is in the cache; qcow2 is part of the base. */
export function hasDisk(base: BaseName, name: ContainerName): boolean {
  return name === 'qcow2' || has(kind(base, name), diskKey(base.id, name))
}

export async function cachedDisk(base: Base, name: ContainerName): Promise<CachedDisk> {
  if (name === 'qcow2') return base.disk
  const folder = await cached({
    kind: kind(base, name),
    key: diskKey(base.id, name),
    build: (to) => step(`disk as ${name}`, () => convert(base, name, to)),
  })
  const { at } = v.parse(factsSchema, JSON.parse(readFileSync(join(folder, 'disk.json'), 'utf8')))
  return { path: join(folder, fileName(name)), at }
}

async function convert(base: Base, name: ContainerName, to: string): Promise<void> {
  const raw = join(to, 'disk.raw')
  await $({ quiet: true })`qemu-img convert -f qcow2 -O raw ${base.disk.path} ${raw}`
  const at = await CONTAINERS[name].convert({ path: raw, slotAt: base.slotAt }, join(to, fileName(name)))
  rmSync(raw)
  writeFileSync(join(to, 'disk.json'), `${JSON.stringify({ at })}\n`)
}
