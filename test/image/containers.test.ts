import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { fill } from '../../scripts/appliance/disks/container.ts'
import { qcow2Offset } from '../../scripts/appliance/disks/qcow2.ts'
import { CONTAINERS, type ContainerName } from '../../scripts/appliance/disks/registry.ts'
import { emptySlot, SLOT_SIZE } from '../../scripts/appliance/disks/slot.ts'
import { storedStream } from '../../scripts/appliance/disks/stream-vmdk.ts'

const folder = mkdtempSync(join(tmpdir(), 'wow-containers-'))
after(() => rmSync(folder, { recursive: true }))

/** Needs more than one grain table, so that tables are looked up too; not a whole number of VDI blocks. */
const SIZE = 40 * 1024 * 1024 + SLOT_SIZE
const slotAt = 35 * 1024 * 1024 + SLOT_SIZE
const raw = join(folder, 'disk.raw')

function makeRaw(): Buffer {
  const content = Buffer.alloc(SIZE)
  content.fill('something to compress ', 100_000, 300_000)
  content.set(emptySlot(), slotAt)
  writeFileSync(raw, '')
  truncateSync(raw, SIZE)
  const file = openSync(raw, 'r+')
  writeFileSync(file, content)
  closeSync(file)
  return content
}

function unpack(name: ContainerName, path: string): Buffer {
  const back = join(folder, 'back.raw')
  if (name === 'raw.zst') execFileSync('zstd', ['-q', '-d', '-f', path, '-o', back])
  else execFileSync('qemu-img', ['convert', '-O', 'raw', path, back])
  return readFileSync(back)
}

const content = makeRaw()
const names = Object.keys(CONTAINERS) as ContainerName[]
const stamp = { name: 'wow-lab.disk', id: new Uint8Array(16).fill(7) }
const slot = new Uint8Array(SLOT_SIZE).fill(0x20)
slot.set(Buffer.from('{"token":"of this namespace"}'))

for (const name of names) {
  const container = CONTAINERS[name]

  describe(`a disk as ${name}`, () => {
    const path = join(folder, `one.${name}`)

    test('is the raw disk, and takes a slot in place where readers then find it, and nowhere else', async () => {
      const at = await container.convert({ path: raw, slotAt }, path)
      assert.ok(unpack(name, path).equals(content), 'as converted')
      fill(path, container, at, slot, stamp)
      const expected = Buffer.from(content)
      expected.set(slot, slotAt)
      assert.ok(unpack(name, path).equals(expected), 'as filled')
    })

    test('is the same bytes each time', async () => {
      const two = join(folder, `two.${name}`)
      const at = await container.convert({ path: raw, slotAt }, two)
      fill(two, container, at, slot, stamp)
      assert.ok(readFileSync(two).equals(readFileSync(path)))
    })
  })
}

describe('VirtualBox and VMware tell disks apart', () => {
  const uuidOf = (path: string) => readFileSync(path).subarray(0x188, 0x198).toString('hex')

  test('by the UUID of a VDI, of version 4, another one for each bake', () => {
    const path = join(folder, 'one.vdi')
    const other = join(folder, 'other.vdi')
    copyFileSync(path, other)
    const file = openSync(other, 'r+')
    CONTAINERS.vdi.stamp?.(file, { ...stamp, id: new Uint8Array(16).fill(9) })
    closeSync(file)
    assert.notEqual(uuidOf(path), uuidOf(other))
    assert.match(uuidOf(path), /^.{14}4.[89ab]/)
  })

  test('and a VMDK names the file that it is in', () => {
    for (const name of ['one.vmdk', 'one.stream.vmdk']) {
      assert.match(readFileSync(join(folder, name)).toString('latin1', 0, 65_536), /SPARSE "wow-lab\.disk"/)
    }
  })
})

describe('a disk without anything where the slot should be', () => {
  for (const name of ['stream.vmdk', 'vmdk', 'vdi'] as const) {
    test(`is refused as ${name}, which has no place for what is not there`, async () => {
      const disk = { path: raw, slotAt: 20 * 1024 * 1024 }
      await assert.rejects(async () => CONTAINERS[name].convert(disk, join(folder, `none.${name}`)), /the disk has no/)
    })
  }
})

describe('the slot of a streamOptimized VMDK', () => {
  test('is a zlib stream whose length does not depend on what is in it', () => {
    for (const bytes of [slot, emptySlot(), new Uint8Array(SLOT_SIZE).fill(0xff)]) {
      const stream = storedStream(bytes)
      assert.equal(stream.length, SLOT_SIZE + 16)
      assert.ok(inflateSync(stream).equals(bytes))
    }
  })
})

describe('a qcow2 image', () => {
  test('gives no place to write to in a cluster that is compressed, or not there', () => {
    const path = join(folder, 'compressed.qcow2')
    execFileSync('qemu-img', ['convert', '-c', '-f', 'raw', '-O', 'qcow2', raw, path])
    const file = openSync(path, 'r')
    for (const at of [131_072, 10 << 20]) assert.throws(() => qcow2Offset(file, at), /not stored as a plain cluster/)
    closeSync(file)
  })

  test('is told from something else', () => {
    const file = openSync(raw, 'r')
    assert.throws(() => qcow2Offset(file, 0), /not a qcow2 image/)
    closeSync(file)
  })
})
