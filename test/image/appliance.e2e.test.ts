/**
 * The whole way once: an appliance is built, two copies of it boot side by side, and each reaches the other over the
 * virtual network.
 *
 * Everything runs in one network namespace: a bootstrap agent, and two machines on a LAN behind QEMU's NAT, one with
 * BIOS and one with UEFI. Commands are typed on the serial console, as a user at the machine would.
 */

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { readFlavour } from '../../scripts/appliance/flavour.ts'
import { packageLayer } from '../../scripts/appliance/packages.ts'
import { agentBundle, distFolder, inRoot } from '../../scripts/appliance/paths.ts'
import { Machine } from '../../scripts/lab/qemu.ts'
import { chooseAccelerator, extractKernel } from '../../scripts/lib/accelerator.ts'
import { ensurePackages } from '../../scripts/lib/apt.ts'

/** Generous: two emulated machines boot at once on whatever this is. */
const BOOT_MS = 15 * 60_000
const COMMAND_MS = 3 * 60_000
const BOOTSTRAP_PORT = 4001
const LAN_PORT = 4099
/** How the machines see the one that QEMU runs on. */
const BOOTSTRAP = `/ip4/10.0.2.2/tcp/${BOOTSTRAP_PORT}`

const isRoot = process.getuid?.() === 0
const netns = `wow-e2e-${process.pid}`

describe('two copies of one appliance', { skip: isRoot ? false : 'needs root for network namespaces' }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'wow-e2e-'))
  const env = { ...process.env, WOW_HOME: join(scratch, 'home') }
  const logs = inRoot('build', 'e2e')
  const machines: Machine[] = []
  let bootstrap: ChildProcess | undefined
  let dist: string | undefined
  /** What `make verify` says, asked before machines need the cores. */
  let verified: SpawnSyncReturns<string> | undefined
  let one: Machine
  let two: Machine

  before(async () => {
    await ensurePackages(['iproute2', 'openssh-client', 'ovmf', 'qemu-system-x86'])
    mkdirSync(logs, { recursive: true })
    const key = join(scratch, 'key')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
    const wow = (...argv: string[]) => execFileSync(process.execPath, [agentBundle, ...argv], { env, encoding: 'utf8' })
    const { id } = JSON.parse(wow('namespace', 'create', '--name', 'e2e', '--pool', '10.200.0.0/16', '--json'))
    dist = join(distFolder, id)
    execFileSync(process.execPath, ['--import', 'tsx', inRoot('scripts', 'appliance.ts')], {
      env: { ...env, NS: id, BOOTSTRAP, SSH_KEY: `${key}.pub` },
      cwd: inRoot(),
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    verified = spawnSync(process.execPath, ['--import', 'tsx', inRoot('scripts', 'verify.ts')], {
      env: { ...env, NS: id },
      cwd: inRoot(),
      encoding: 'utf8',
    })
    const image = join(dist, 'wow-e2e.qcow2')
    const packages = await packageLayer(readFlavour('minimal'), process.env.MIRROR || undefined)
    const kernel = join(scratch, 'vmlinuz')
    extractKernel(packages.tar, kernel)
    const accelerator = await chooseAccelerator(kernel)

    execFileSync('ip', ['netns', 'add', netns])
    execFileSync('ip', ['-n', netns, 'link', 'set', 'lo', 'up'])
    const up = ['up', '--no-mdns', '--state', join(scratch, 'bootstrap'), '--announce', BOOTSTRAP]
    up.push('--listen', `/ip4/127.0.0.1/tcp/${BOOTSTRAP_PORT}`)
    bootstrap = spawn('ip', ['netns', 'exec', netns, process.execPath, agentBundle, ...up], { env, stdio: 'ignore' })

    for (const [name, firmware, kind] of [
      ['one', 'bios', 'lan-host'],
      ['two', 'uefi', 'lan-guest'],
    ] as const) {
      const log = join(logs, `${name}.log`)
      rmSync(log, { force: true })
      const mac = `52:54:00:00:00:0${machines.length + 1}`
      const uplink = { kind, port: LAN_PORT }
      machines.push(Machine.boot({ image, accelerator, firmware, netns, uplink, mac, log }))
      // The LAN must be there before anybody joins it.
      if (machines.length === 1) await new Promise((resolve) => setTimeout(resolve, 2000))
    }
    one = machines[0] as Machine
    two = machines[1] as Machine
  })

  after(async () => {
    for (const machine of machines) await machine.stop()
    if (bootstrap !== undefined) {
      bootstrap.kill('SIGKILL')
      for (const pid of pidsIn(netns)) process.kill(pid, 'SIGKILL')
    }
    if (readdirSync('/run/netns').includes(netns)) execFileSync('ip', ['netns', 'del', netns])
    if (dist !== undefined) rmSync(dist, { recursive: true, force: true })
    rmSync(scratch, { recursive: true, force: true })
  })

  const addresses: string[] = []
  /** What a command that must succeed prints in the shell on a machine's console. */
  const answers = async (machine: Machine, command: string) => {
    const { output, exitCode } = await machine.run(command, COMMAND_MS)
    assert.equal(exitCode, 0, `${command}: ${output}`)
    return output
  }

  test('the image is for its owner only, and is what its sums say', () => {
    assert.ok(dist)
    assert.equal(statSync(join(dist, 'wow-e2e.qcow2')).mode & 0o777, 0o600)
    execFileSync('sha256sum', ['--check', '--strict', '--status', 'SHA256SUMS'], { cwd: dist })
    const descriptions = ['SHA256SUMS', 'manifest.json', 'wow-e2e.spdx.json', 'wow-e2e.xml']
    assert.deepEqual(readdirSync(dist).sort(), [...descriptions, 'wow-e2e.ova', 'wow-e2e.qcow2'].sort())
  })

  test('holds whatever an outsider checks', () => {
    assert.equal(verified?.status, 0, verified?.stderr)
  })

  test('both come up by themselves, one under BIOS and one under UEFI, with an address each', async () => {
    const leased = await Promise.all(machines.map((m) => m.waitFor(/wow: phase=leased .*ip=([\d.]+)\s/, BOOT_MS)))
    for (const match of leased) addresses.push(match[1] ?? '')
    assert.equal(addresses.length, 2)
    for (const address of addresses) assert.match(address, /^10\.200\./)
    assert.notEqual(addresses[0], addresses[1])
    await Promise.all(machines.map((machine) => machine.waitFor(/wow@wow-[0-9a-f]{8}:/, BOOT_MS)))
  })

  test('the address that the agent leased is the one that dhclient set on the tap', async () => {
    for (const [index, machine] of machines.entries()) {
      const shown = await answers(
        machine,
        'for i in $(seq 60); do ip -4 -o address show dev wow0 | grep inet && break; sleep 1; done',
      )
      assert.ok(shown.includes(`${addresses[index]}/16`), shown)
    }
  })

  test('they ping each other over the virtual network', async () => {
    // Emulated and side by side on few cores, a machine may need more than the first packet's patience.
    const ping = (address: string) => `for i in $(seq 10); do ping -c 3 -W 10 ${address} && break; done`
    assert.match(await answers(one, ping(addresses[1] ?? '')), / [123] received/)
    assert.match(await answers(two, ping(addresses[0] ?? '')), / [123] received/)
  })

  test('who has the key that was baked in comes in by ssh over the virtual network, nobody else', async () => {
    const key = readFileSync(join(scratch, 'key')).toString('base64')
    await answers(two, `(umask 077; echo ${key} | base64 -d >key)`)
    const ssh = `ssh -o StrictHostKeyChecking=no -o BatchMode=yes -o ConnectTimeout=60 ${addresses[0]}`
    assert.match(await answers(two, `${ssh} -i key cat /etc/machine-id`), /[0-9a-f]{32}/)
    assert.match((await two.run(`${ssh} true`, COMMAND_MS)).output, /Permission denied \(publickey\)/)
  })

  test('each is a machine of its own', async () => {
    const ids = await Promise.all(machines.map((machine) => answers(machine, 'cat /etc/machine-id')))
    assert.match(ids[0] ?? '', /^[0-9a-f]{32}\s*$/m)
    assert.notEqual(ids[0], ids[1])
    const keys = await Promise.all(machines.map((m) => answers(m, 'cat /etc/ssh/ssh_host_ed25519_key.pub')))
    assert.match(keys[0] ?? '', /ssh-ed25519 AAAA/)
    assert.notEqual(keys[0], keys[1])
  })

  test('route and resolver stay those of the uplink', async () => {
    assert.match(await answers(one, 'ip -4 route show default'), /^default via 10\.0\.2\.2 dev eth0/m)
    assert.doesNotMatch(await answers(one, 'ip -4 route show default'), /wow0/)
    assert.match(await answers(one, 'cat /etc/resolv.conf'), /nameserver 127\.0\.0\.53/)
  })

  test('the secret is for root only, and no unit has failed', async () => {
    const { exitCode } = await one.run('cat /etc/wow/appliance.json', COMMAND_MS)
    assert.notEqual(exitCode, 0)
    assert.equal((await answers(one, 'systemctl list-units --failed --no-legend --plain')).trim(), '')
  })
})

function pidsIn(name: string): number[] {
  const list = execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' })
  return list
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
}
