/** A booted disk is copied, and the copy boots beside the original: it is a new node (docs/appliance.md). */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Machine } from '../../lab/qemu.ts'
import type { Accelerator } from '../../scripts/lib/accelerator.ts'
import { ensurePackages } from '../../scripts/lib/apt.ts'
import { BOOT_MS, COMMAND_MS, TestAppliance } from './appliance.ts'
import { SITE_PACKAGES, Site, siteMissing } from './site.ts'

/** Two machines: UUID, and hardware address of the uplink. */
const ORIGINAL = ['11111111-1111-4111-8111-111111111111', '52:54:00:00:01:01'] as const
const ANOTHER = ['22222222-2222-4222-8222-222222222222', '52:54:00:00:01:02'] as const

interface Self {
  readonly ip: string
  readonly address: string
  readonly machineId: string
  readonly hostKey: string
  readonly hostname: string
}

describe('a copy of a disk that has been booted', { skip: siteMissing }, () => {
  const appliance = new TestAppliance('copies', '10.204.0.0/16')
  const original = join(appliance.scratch, 'original.qcow2')
  const copy = join(appliance.scratch, 'copy.qcow2')
  let site: Site
  let accelerator: Accelerator
  let before1: Self
  let one: Machine
  let two: Machine

  const boot = (console: string, image: string, uuid: string, mac: string) =>
    site.boot(console, { image, accelerator, uuid, mac, writes: true })
  const ready = async (machine: Machine): Promise<Self> => {
    const [, ip = ''] = await machine.waitFor(/wow: phase=leased .*ip=([\d.]+)\s/, BOOT_MS)
    await machine.waitFor(/wow@wow-[0-9a-f]{8}:/, BOOT_MS)
    const say = async (command: string) => (await machine.run(command, COMMAND_MS)).output.trim()
    return {
      ip,
      address: JSON.parse(await say('sudo wow status --state /var/lib/wow --json')).address,
      machineId: await say('cat /etc/machine-id'),
      hostKey: await say('cat /etc/ssh/ssh_host_ed25519_key.pub'),
      hostname: await say('hostname'),
    }
  }
  const off = async (machine: Machine) => {
    await machine.run('sudo sync', COMMAND_MS)
    await machine.stop()
  }

  before(async () => {
    await ensurePackages(SITE_PACKAGES)
    appliance.bake({ FORMATS: 'qcow2' })
    site = await Site.create()
    accelerator = await appliance.accelerator()
    const backing = ['-b', appliance.file('qcow2'), '-F', 'qcow2']
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...backing, original, '6G'])
  })
  after(async () => {
    await site?.close()
    appliance.remove()
  })

  test('was a machine of its own, and its root file system filled the larger disk', async () => {
    const first = await boot('first', original, ...ORIGINAL)
    before1 = await ready(first)
    assert.match(before1.machineId, /^[0-9a-f]{32}$/)
    const { output } = await first.run('df --output=size -BM / | tail -n 1', COMMAND_MS)
    assert.ok(Number.parseInt(output, 10) > 5000, output)
    await off(first)
    copyFileSync(original, copy)
  })

  test('becomes a node of its own beside the original, and says so; the original stays what it was', async () => {
    one = await boot('original', original, ...ORIGINAL)
    two = await boot('copy', copy, ...ANOTHER)
    await two.waitFor(/wow: copy=true message="This disk comes from another machine/, BOOT_MS)
    const [same, other] = [await ready(one), await ready(two)]
    assert.deepEqual(same, before1)
    for (const what of ['ip', 'address', 'machineId', 'hostKey', 'hostname'] as const) {
      assert.notEqual(other[what], same[what], what)
    }
    assert.doesNotMatch(one.console, /copy=true/)
    const { output } = await two.run(`for i in $(seq 10); do ping -c 3 -W 10 ${same.ip} && break; done`, COMMAND_MS)
    assert.match(output, / [123] received/)
  })
})
