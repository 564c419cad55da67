import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { biosBootSectors } from '../../scripts/appliance/base/bios-boot.ts'

const boot = Buffer.alloc(512, 0xb0)
const mbr = Buffer.alloc(512, 0xcc)

describe('GRUB for BIOS in a disk image', () => {
  test('the first sector gets the boot code and keeps the partition table', () => {
    const { mbr: first } = biosBootSectors(mbr, { boot, core: Buffer.alloc(700), firstSector: 2048, sectors: 2048 })
    const sector = Buffer.from(first)
    assert.equal(sector.readBigUInt64LE(0x5c), 2048n, 'where the core begins')
    assert.deepEqual([...sector.subarray(0x64, 0x68)], [0xff, 0xb0, 0x90, 0x90], 'any drive, no drive check')
    assert.ok(sector.subarray(0, 0x5c).every((byte) => byte === 0xb0))
    assert.ok(sector.subarray(0x1b8).every((byte) => byte === 0xcc))
  })

  test("the core's first sector says where the rest is, in whole sectors", () => {
    const { core } = biosBootSectors(mbr, { boot, core: Buffer.alloc(1300, 1), firstSector: 2048, sectors: 2048 })
    const placed = Buffer.from(core)
    assert.equal(placed.length, 3 * 512)
    assert.equal(placed.readBigUInt64LE(0x1f4), 2049n)
    assert.equal(placed.readUInt16LE(0x1fc), 2)
  })

  test('a core that does not fit is refused', () => {
    const parts = { boot, core: Buffer.alloc(3 * 512 + 1), firstSector: 2048, sectors: 3 }
    assert.throws(() => biosBootSectors(mbr, parts), /needs 4 sectors, the partition has 3/)
  })
})
