/** A machine is paused by its host past its lease, with every clock that it has (docs/guarantees.md, A4). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Machine } from '../../lab/qemu.ts'
import { until } from '../../lab/until.ts'
import { ensurePackages } from '../../scripts/lib/apt.ts'
import { BOOT_MS, COMMAND_MS, TestAppliance } from './appliance.ts'
import { BOOTSTRAP, SITE_PACKAGES, Site, siteMissing } from './site.ts'

const LEASE_MS = 60_000
/** One address for two machines. */
const RESERVED = [3, 4, 5, 6].map((host) => `10.207.0.${host}`)
const ADDRESS = '10.207.0.2'
/** How long both are watched after the paused machine goes on, ms. */
const WATCHED_MS = 45_000
/** `PAUSES=10` pauses one after the other, each time the one that has the address. */
const PAUSES = Number(process.env.PAUSES ?? '1')

describe('a machine that its host pauses past its lease', { skip: siteMissing }, () => {
  const options = ['--lease', '60s', ...RESERVED.flatMap((ip) => ['--reserve', ip])]
  const appliance = new TestAppliance('paused', '10.207.0.0/29', options)
  let site: Site
  let paused: Machine
  let heir: Machine

  const leases = async (machine: Machine): Promise<string[]> => {
    const { output } = await machine.run('sudo wow status --state /var/lib/wow --json', COMMAND_MS)
    return JSON.parse(output.slice(output.indexOf('{'))).leases.map(({ ip }: { ip: string }) => ip)
  }

  /** How often a machine was told that it lost its lease. */
  const losses = async (machine: Machine): Promise<number> => {
    const { output } = await machine.run('sudo journalctl --unit wow --output cat', COMMAND_MS)
    return output.match(/lease was lost/g)?.length ?? 0
  }

  before(async () => {
    await ensurePackages(SITE_PACKAGES)
    appliance.bake({ FORMATS: 'qcow2', BOOTSTRAP })
    site = await Site.create()
    site.startBootstrap(appliance)
    const boot = { image: appliance.file('qcow2'), accelerator: await appliance.accelerator() }
    paused = await site.boot('paused', boot)
    const [, ip] = await paused.waitFor(/wow: phase=leased .*ip=([\d.]+)\s/, BOOT_MS)
    assert.equal(ip, ADDRESS)
    await paused.waitFor(/wow@wow-[0-9a-f]{8}:/, BOOT_MS)
    heir = await site.boot('heir', boot)
    await heir.waitFor(/wow@wow-[0-9a-f]{8}:/, BOOT_MS)
    assert.deepEqual(await leases(heir), [])
  })
  after(async () => {
    await site?.close()
    appliance.remove()
  })

  for (let pause = 1; pause <= PAUSES; pause++) {
    test(`has its address given to another (${pause} of ${PAUSES})`, async () => {
      await paused.pause()
      const hasIt = async () => (await leases(heir)).includes(ADDRESS)
      await until('the other machine has the address', hasIt, LEASE_MS + COMMAND_MS)
    })

    test(`gives it up when it goes on; the machine that got it keeps it (${pause} of ${PAUSES})`, async () => {
      const lostBefore = await losses(heir)
      await paused.resume()
      await sleep(WATCHED_MS)
      assert.deepEqual(await leases(heir), [ADDRESS])
      assert.deepEqual(await leases(paused), [])
      assert.equal(await losses(heir), lostBefore, 'the living owner is told of no loss')
      ;[paused, heir] = [heir, paused]
    })
  }
})
