/** Two copies of the condor appliance become one pool by themselves and run a job: whole machines, from the boot on. */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Machine } from '../../lab/qemu.ts'
import { ensurePackages } from '../../scripts/lib/apt.ts'
import { BOOT_MS, TestAppliance } from './appliance.ts'
import { answers, BOOTSTRAP, SITE_PACKAGES, Site, siteMissing } from './site.ts'

const MEMORY_MIB = 1_536

const JOB = `executable = /bin/sh
arguments = "-c 'hostname; id -un'"
output = out
error = err
log = log
request_memory = 32M
request_disk = 1M
should_transfer_files = YES
transfer_executable = false
`

describe('two copies of the condor appliance', { skip: siteMissing }, () => {
  const appliance = new TestAppliance('pool', '10.200.0.0/16')
  let site: Site

  before(async () => {
    await ensurePackages(SITE_PACKAGES)
    appliance.bake({ FLAVOUR: 'condor', FORMATS: 'qcow2', BOOTSTRAP })
    const accelerator = await appliance.accelerator('condor')
    site = await Site.create()
    site.startBootstrap(appliance)
    const options = { image: appliance.file('qcow2'), accelerator, memoryMiB: MEMORY_MIB }
    await site.boot('condor-one', options)
    await site.boot('condor-two', options)
  })

  after(async () => {
    await site?.close()
    appliance.remove()
  })

  test('become one pool by themselves, with one manager', async () => {
    const line = /wow: phase=pool .*manager=([\d.]+) term=(\d+) slots=(\d+)\s/
    await Promise.all(site.machines.map((machine) => machine.waitFor(line, BOOT_MS)))
    await Promise.all(site.machines.map((machine) => machine.waitFor(/wow@wow-[0-9a-f]{8}:/, BOOT_MS)))
    const both =
      'for i in $(seq 60); do n=$(condor_status -af Machine | wc -l); [ $n = 2 ] && break; sleep 2; done; echo $n slots'
    for (const machine of site.machines) assert.match(await answers(machine, both), /^2 slots$/m)
  })

  test('run a job of the one on the other, as nobody, and wow doctor finds nothing wrong', async () => {
    const [one, two] = site.machines as [Machine, Machine]
    const name = /n10-200-\d+-\d+\.pool\.wow/.exec(await answers(two, 'condor_config_val NETWORK_HOSTNAME'))?.[0]
    assert.ok(name)
    const submit = Buffer.from(`${JOB}requirements = Machine == "${name}"\nqueue\n`).toString('base64')
    await answers(one, `cd && echo ${submit} | base64 -d >job.sub && condor_submit job.sub`)
    assert.match(await answers(one, 'condor_wait -wait 150 log && cat out err'), /^wow-[0-9a-f]{8}\nnobody$/m)
    assert.match(await answers(one, 'condor_history -af LastRemoteHost'), new RegExp(`@${name}`))
    for (const machine of site.machines) await answers(machine, 'sudo wow doctor')
  })
})
