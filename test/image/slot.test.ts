import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { ApplianceConfig } from '../../agent/boot/config.ts'
import { InputError } from '../../agent/core/errors.ts'
import { emptySlot, findOnDisk, SLOT_SIZE, slotBytes } from '../../scripts/appliance/disks/slot.ts'

const folder = mkdtempSync(join(tmpdir(), 'wow-slot-'))
after(() => rmSync(folder, { recursive: true }))

const config: ApplianceConfig = {
  token: 'wow1secret',
  bootstrap: ['/ip4/192.0.2.1/tcp/4001'],
  listen: [],
  announce: [],
  tap: 'wow0',
  state: '/var/lib/wow',
  log: 'json',
  mdns: true,
  flavour: 'minimal',
  sshKeys: [],
  condor: { role: 'worker' },
}

describe('the slot', () => {
  test('is exactly 64 KiB of JSON that reads back', () => {
    const slot = slotBytes(config)
    assert.equal(slot.length, SLOT_SIZE)
    assert.deepEqual(JSON.parse(Buffer.from(slot).toString('utf8')), config)
  })

  test('takes settings that fill it to the last byte, and none that are larger', () => {
    const room = SLOT_SIZE - slotBytesUsed({ ...config, token: '' })
    assert.equal(slotBytes({ ...config, token: 'x'.repeat(room) }).length, SLOT_SIZE)
    assert.throws(
      () => slotBytes({ ...config, token: 'x'.repeat(room + 1) }),
      (error: unknown) => error instanceof InputError && error.code === 'SLOT_FULL' && !error.message.includes('xxx'),
    )
  })

  test('is valid JSON before any namespace is in it, and no two of its sectors are alike', () => {
    const slot = Buffer.from(emptySlot())
    assert.equal(slot.length, SLOT_SIZE)
    JSON.parse(slot.toString('utf8'))
    const sectors = new Set<string>()
    for (let at = 0; at < slot.length; at += 512) sectors.add(slot.toString('hex', at, at + 512))
    assert.equal(sectors.size, SLOT_SIZE / 512)
  })

  test('is found on a disk when it lies there in one piece, and not when it is torn', () => {
    const disk = join(folder, 'disk.raw')
    const image = Buffer.alloc(4 << 20)
    image.set(emptySlot(), 3 << 18)
    writeFileSync(disk, image)
    assert.equal(findOnDisk(disk, emptySlot(), 0, image.length), 3 << 18)
    image.fill(0, (3 << 18) + 5000, (3 << 18) + 5001)
    writeFileSync(disk, image)
    assert.equal(findOnDisk(disk, emptySlot(), 0, image.length), undefined)
  })
})

function slotBytesUsed(settings: ApplianceConfig): number {
  return Buffer.byteLength(`${JSON.stringify(settings)}\n`)
}
