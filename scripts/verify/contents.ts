/** Checks what is on the disk as shipped: its partitions, the slot, and the root file system. */

import { closeSync, openSync, readSync } from 'node:fs'
import { $ } from 'zx'
import { parseToken } from '../../agent/namespace/token.ts'
import { permittedBy, readFlavour } from '../appliance/base/flavour.ts'
import { SLOT_SIZE } from '../appliance/disks/slot.ts'
import { readExt4 } from '../appliance/hygiene/ext4.ts'
import { RULES } from '../appliance/hygiene/hygiene.ts'
import { type Check, check, must } from './check.ts'
import type { Manifest } from './folder.ts'

const sh = $({ quiet: true })
const SECTOR = 512

interface Partition {
  readonly start: number
  readonly name?: string
}

/** `raw`: the disk as a raw image. */
export async function checkContents(raw: string, manifest: Manifest): Promise<Check[]> {
  const { stdout } = await sh`sfdisk --json ${raw}`
  const partitions: Partition[] = JSON.parse(stdout).partitiontable.partitions
  const startOf = (name: string) => {
    const partition = partitions.find((candidate) => candidate.name === name)
    must(partition !== undefined, `the disk has no partition "${name}"`)
    return partition.start * SECTOR
  }
  return [
    await check('SLOT', () => slot(raw, startOf('esp'), manifest)),
    ...(await hygiene(raw, startOf('root'), manifest.flavour)),
  ]
}

/** The slot, read as a file as the guest does, names the manifest's namespace, and its token is on the disk once. */
async function slot(raw: string, esp: number, { namespace }: Manifest): Promise<string> {
  const { stdout } = await sh`mtype -i ${`${raw}@@${esp}`} ::/wow/appliance.json`
  must(Buffer.byteLength(stdout) === SLOT_SIZE, `it has ${Buffer.byteLength(stdout)} bytes`)
  const config: { token?: unknown } = JSON.parse(stdout)
  must(typeof config.token === 'string', 'it has no token')
  const { id } = parseToken(config.token).signed
  must(id === namespace.id, `it holds the namespace ${id}`)
  const times = await occurrences(raw, config.token)
  must(times === 1, `its token is on the disk ${times} times`)
  return `namespace ${id}, its token once on the disk`
}

/** How often `text` occurs in the file; holes are read as zeros, which is fast. */
async function occurrences(path: string, text: string): Promise<number> {
  const needle = Buffer.from(text)
  const file = openSync(path, 'r')
  try {
    const chunk = Buffer.alloc(1 << 24)
    let count = 0
    let kept = 0
    for (;;) {
      const read = readSync(file, chunk, kept, chunk.length - kept, null)
      if (read === 0) return count
      const filled = kept + read
      for (
        let at = chunk.indexOf(needle);
        at >= 0 && at + needle.length <= filled;
        at = chunk.indexOf(needle, at + 1)
      ) {
        count++
      }
      // The last bytes may begin another occurrence: they are searched again with what follows them.
      kept = Math.min(needle.length - 1, filled)
      chunk.copyWithin(0, filled - kept, filled)
      chunk.fill(0, kept)
    }
  } finally {
    closeSync(file)
  }
}

async function hygiene(raw: string, root: number, flavour: string): Promise<Check[]> {
  const tree = await readExt4(raw, root)
  const permitted = permittedBy(readFlavour(flavour))
  const checks: Check[] = []
  for (const { code, promise, find } of RULES) {
    checks.push(
      await check(code, async () => {
        const found = await find(tree, permitted)
        must(found.length === 0, found.join('; '))
        return promise
      }),
    )
  }
  return checks
}
