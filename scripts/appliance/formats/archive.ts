/** Packs OVAs and Vagrant boxes, which are tar archives, with the same bytes each time. */

import { chmodSync } from 'node:fs'
import { $ } from 'zx'
import { sourceDateEpoch } from '../base/reproducible.ts'

/** Packs `names`, files of `folder`, in this order; only the owner may read the archive, as with the disk in it. */
export async function pack(folder: string, names: readonly string[], to: string): Promise<void> {
  const form = ['--format=ustar', '--owner=root:0', '--group=root:0', '--mode=u=rw,go=r']
  form.push(`--mtime=@${sourceDateEpoch()}`)
  await $({ quiet: true })`tar --create ${form} --directory ${folder} --file ${to} ${names}`
  chmodSync(to, 0o600)
}
