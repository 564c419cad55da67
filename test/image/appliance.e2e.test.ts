/**
 * The whole way once: builds an appliance, boots two copies side by side, and has each reach the other over the virtual
 * network.
 *
 * Everything runs in one network namespace: a bootstrap agent, and two machines on a LAN, one with BIOS and one with
 * UEFI. The test types commands on the serial console, as a user at the machine would.
 */

import assert from 'node:assert/strict'
import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Machine } from '../../lab/qemu.ts'
import { ensurePackages } from '../../scripts/lib/apt.ts'
import { inRoot } from '../../scripts/lib/paths.ts'
import { BOOT_MS, COMMAND_MS, TestAppliance } from './appliance.ts'
import { answers, BOOTSTRAP, SITE_PACKAGES, Site, siteMissing } from './site.ts'

describe('two copies of one appliance', { skip: siteMissing }, () => {
  const appliance = new TestAppliance('e2e', '10.200.0.0/16')
  const key = join(appliance.scratch, 'key')
  let site: Site
  /** The result of `make verify`, which runs before machines need the cores. */
  let verified: SpawnSyncReturns<string> | undefined
  let one: Machine
  let two: Machine

  before(async () => {
    await ensurePackages([...SITE_PACKAGES, 'openssh-client', 'ovmf'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
    appliance.bake({ BOOTSTRAP, SSH_KEY: `${key}.pub` })
    verified = spawnSync(process.execPath, ['--import', 'tsx', inRoot('scripts', 'verify.ts')], {
      env: { ...appliance.env, NS: appliance.id },
      cwd: inRoot(),
      encoding: 'utf8',
    })
    const options = { image: appliance.file('qcow2'), accelerator: await appliance.accelerator() }
    site = await Site.create()
    site.startBootstrap(appliance)
    one = await site.boot('one', { ...options, firmware: 'bios' })
    two = await site.boot('two', { ...options, firmware: 'uefi' })
  })

  after(async () => {
    await site?.close()
    appliance.remove()
  })

  const addresses: string[] = []

  test('the image is for its owner only, and is what its sums say', () => {
    assert.equal(statSync(appliance.file('qcow2')).mode & 0o777, 0o600)
    execFileSync('sha256sum', ['--check', '--strict', '--status', 'SHA256SUMS'], { cwd: appliance.dist })
    const descriptions = ['SHA256SUMS', 'manifest.json', 'wow-e2e.spdx.json', 'wow-e2e.xml']
    assert.deepEqual(readdirSync(appliance.dist).sort(), [...descriptions, 'wow-e2e.ova', 'wow-e2e.qcow2'].sort())
  })

  test('holds whatever an outsider checks', () => {
    assert.equal(verified?.status, 0, verified?.stderr)
  })

  test('both come up by themselves, one under BIOS and one under UEFI, with an address each', async () => {
    const leased = await Promise.all(site.machines.map((m) => m.waitFor(/wow: phase=leased .*ip=([\d.]+)\s/, BOOT_MS)))
    for (const match of leased) addresses.push(match[1] ?? '')
    assert.equal(addresses.length, 2)
    for (const address of addresses) assert.match(address, /^10\.200\./)
    assert.notEqual(addresses[0], addresses[1])
    await Promise.all(site.machines.map((machine) => machine.waitFor(/wow@wow-[0-9a-f]{8}:/, BOOT_MS)))
  })

  test('the address that the agent leased is the one that dhclient set on the tap', async () => {
    for (const [index, machine] of site.machines.entries()) {
      const shown = await answers(
        machine,
        'for i in $(seq 60); do ip -4 -o address show dev wow0 | grep inet && break; sleep 1; done',
      )
      assert.ok(shown.includes(`${addresses[index]}/16`), shown)
    }
  })

  test('they ping each other over the virtual network', async () => {
    // Two emulated machines on few cores may need more time than the first packet gets.
    const ping = (address: string) => `for i in $(seq 10); do ping -c 3 -W 10 ${address} && break; done`
    assert.match(await answers(one, ping(addresses[1] ?? '')), / [123] received/)
    assert.match(await answers(two, ping(addresses[0] ?? '')), / [123] received/)
  })

  test('who has the key that was baked in comes in by ssh over the virtual network, nobody else', async () => {
    const secret = readFileSync(key).toString('base64')
    await answers(two, `(umask 077; echo ${secret} | base64 -d >key)`)
    const ssh = `ssh -o StrictHostKeyChecking=no -o BatchMode=yes -o ConnectTimeout=60 ${addresses[0]}`
    assert.match(await answers(two, `${ssh} -i key cat /etc/machine-id`), /[0-9a-f]{32}/)
    assert.match((await two.run(`${ssh} true`, COMMAND_MS)).output, /Permission denied \(publickey\)/)
  })

  test('each is a machine of its own', async () => {
    const ids = await Promise.all(site.machines.map((machine) => answers(machine, 'cat /etc/machine-id')))
    assert.match(ids[0] ?? '', /^[0-9a-f]{32}\s*$/m)
    assert.notEqual(ids[0], ids[1])
    const keys = await Promise.all(site.machines.map((m) => answers(m, 'cat /etc/ssh/ssh_host_ed25519_key.pub')))
    assert.match(keys[0] ?? '', /ssh-ed25519 AAAA/)
    assert.notEqual(keys[0], keys[1])
  })

  test('route and resolver stay those of the uplink', async () => {
    assert.match(await answers(one, 'ip -4 route show default'), /^default via 192\.168\.1\.1 dev eth0/m)
    assert.doesNotMatch(await answers(one, 'ip -4 route show default'), /wow0/)
    assert.match(await answers(one, 'cat /etc/resolv.conf'), /nameserver 127\.0\.0\.53/)
  })

  test('the kernel remembers as many neighbours as a large pool has', async () => {
    assert.equal((await answers(one, 'cat /proc/sys/net/ipv4/neigh/default/gc_thresh3')).trim(), '32768')
  })

  test('the secret is for root only, and no unit has failed', async () => {
    const { exitCode } = await one.run('cat /etc/wow/appliance.json', COMMAND_MS)
    assert.notEqual(exitCode, 0)
    assert.equal((await answers(one, 'systemctl list-units --failed --no-legend --plain')).trim(), '')
  })
})
