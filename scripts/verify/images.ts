/**
 * Checks every disk of a dist/ folder with QEMU's, libvirt's and libvmdk's tools: it is sound, rightly described, and
 * bit by bit the same disk.
 */

import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'zx'
import { sha256File } from '../appliance/sha256.ts'
import { type Check, check, must } from './check.ts'

const sh = $({ quiet: true })

async function toRaw(path: string, raw: string): Promise<void> {
  if (path.endsWith('.zst')) await sh`zstd --quiet --decompress --sparse --force ${path} -o ${raw}`
  else await sh`qemu-img convert -O raw ${path} ${raw}`
}

export interface Disk {
  /** For people: the file's name, and that of the disk inside it. */
  readonly name: string
  readonly path: string
}

/** Unpacks the archives of `folder` into `scratch`, and lists all disks. */
export async function findDisks(folder: string, scratch: string): Promise<{ disks: Disk[]; checks: Check[] }> {
  const disks: Disk[] = []
  const checks: Check[] = []
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name)
    if (/\.(qcow2|vmdk|vdi|raw\.zst)$/.test(name)) disks.push({ name, path })
    if (!/\.(ova|box)$/.test(name)) continue
    const opened = join(scratch, name)
    mkdirSync(opened)
    const isOva = name.endsWith('.ova')
    checks.push(
      await check(isOva ? 'OVA' : 'BOX', async () => {
        await sh`tar --extract --directory ${opened} --file ${path}`
        return isOva ? await checkOva(path, opened) : checkBox(opened)
      }),
    )
    const inner = readdirSync(opened).find((file) => /\.vmdk$|^box\.img$/.test(file))
    if (inner !== undefined) disks.push({ name: `${name}: ${inner}`, path: join(opened, inner) })
  }
  return { disks, checks }
}

/** DSP0243: the descriptor comes first, then the manifest with all other digests; the descriptor fits the disk. */
async function checkOva(path: string, opened: string): Promise<string> {
  const names = (await sh`tar --list --file ${path}`).stdout.trim().split('\n')
  const [ovf = '', mf = ''] = names
  must(ovf.endsWith('.ovf') && mf.endsWith('.mf'), `its files are in another order: ${names.join(', ')}`)
  const sums = new Map<string, string>()
  for (const line of readFileSync(join(opened, mf), 'utf8').trim().split('\n')) {
    const match = /^SHA256\((.+)\)= ([0-9a-f]{64})$/.exec(line)
    must(match !== null, `its manifest has a line that is none: ${line}`)
    sums.set(match[1] ?? '', match[2] ?? '')
  }
  for (const name of names.filter((name) => name !== mf)) {
    must(sums.get(name) === (await sha256File(join(opened, name))), `${name} is not what its manifest says`)
  }
  await checkOvf(join(opened, ovf))
  return names.join(', ')
}

async function checkOvf(path: string): Promise<void> {
  await sh`xmllint --noout ${path}`
  const folder = join(path, '..')
  const ovf = readFileSync(path, 'utf8')
  const match = /<File [^>]*ovf:href="([^"]+)" ovf:size="(\d+)"/.exec(ovf)
  must(match !== null, 'its descriptor names no file')
  const size = statSync(join(folder, match[1] ?? '')).size
  must(size === Number(match[2]), `its descriptor gives ${match[1]} ${match[2]} bytes and it has ${size}`)
}

async function checkBox(opened: string): Promise<string> {
  const metadata: { provider?: unknown } = JSON.parse(readFileSync(join(opened, 'metadata.json'), 'utf8'))
  const names = readdirSync(opened).sort()
  must(names.includes('Vagrantfile'), 'it has no Vagrantfile')
  if (metadata.provider === 'virtualbox') await checkOvf(join(opened, 'box.ovf'))
  else must(metadata.provider === 'libvirt' && names.includes('box.img'), 'it is for no provider that is known')
  return `for ${metadata.provider}: ${names.join(', ')}`
}

/** One check per disk: it is sound, and its content is that of `reference`, a raw image. */
export async function checkDisks(disks: readonly Disk[], reference: string, scratch: string): Promise<Check[]> {
  const checks: Check[] = []
  for (const { name, path } of disks) {
    checks.push(
      await check('DISK', async () => {
        if (path.endsWith('.zst')) {
          const raw = join(scratch, 'other.raw')
          await toRaw(path, raw)
          await sh`qemu-img compare -q -f raw -F raw ${raw} ${reference}`
          return `${name}: the same disk`
        }
        // streamOptimized VMDKs cannot be checked by QEMU, only read.
        if (/\.(qcow2|vdi|img)$/.test(path)) await sh`qemu-img check -q ${path}`
        await sh`qemu-img compare -q -F raw ${path} ${reference}`
        const also = path.endsWith('.vmdk') ? await vmdkInfo(path) : ''
        return `${name}: sound, the same disk${also}`
      }),
    )
  }
  return checks
}

export async function rawDisk(disks: readonly Disk[], raw: string): Promise<void> {
  const [first] = disks
  must(first !== undefined, 'there is no disk in any format')
  await toRaw(first.path, raw)
}

/** A second opinion by libvmdk, where it is installed. */
async function vmdkInfo(path: string): Promise<string> {
  const found = await $({ quiet: true, nothrow: true })`vmdkinfo ${path}`
  if (found.exitCode === null || found.exitCode === 127) return ''
  must(found.exitCode === 0, `vmdkinfo cannot read it: ${found.stderr.trim()}`)
  return ', read by libvmdk too'
}

/** Checks files that describe a machine: they fit their schema and name a disk that is there. */
export async function checkDescriptors(folder: string): Promise<Check[]> {
  const checks: Check[] = []
  const names = readdirSync(folder).sort()
  for (const name of names.filter((candidate) => candidate.endsWith('.xml'))) {
    checks.push(
      await check('LIBVIRT', async () => {
        await sh`virt-xml-validate ${join(folder, name)} domain`
        const disk = /<source file='[^']*\/([^'/]+)'/.exec(readFileSync(join(folder, name), 'utf8'))?.[1] ?? ''
        must(names.includes(disk), `${name} names the disk ${disk}, which is not there`)
        return `${name}: valid`
      }),
    )
  }
  for (const name of names.filter((candidate) => candidate.endsWith('.vmx'))) {
    checks.push(
      await check('VMX', () => {
        const disk = /^scsi0:0\.fileName = "(.+)"$/m.exec(readFileSync(join(folder, name), 'utf8'))?.[1] ?? ''
        must(names.includes(disk), `${name} names the disk ${disk}, which is not there`)
        return `${name}: names ${disk}`
      }),
    )
  }
  return checks
}
