/**
 * Two copies of the condor appliance become one pool by themselves and run a job: whole machines, from the boot on.
 *
 * Everything runs in one network namespace: a bootstrap agent, and two machines on a LAN behind QEMU's NAT.
 */

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
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
const COMMAND_MS = 5 * 60_000
const LAN_PORT = 4098
const BOOTSTRAP_PORT = 4001
/** How the machines see the one that QEMU runs on. */
const BOOTSTRAP = `/ip4/10.0.2.2/tcp/${BOOTSTRAP_PORT}`
const MEMORY_MIB = 1_536

const isRoot = process.getuid?.() === 0
const netns = `wow-condor-${process.pid}`

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

describe('two copies of the condor appliance', { skip: isRoot ? false : 'needs root for network namespaces' }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'wow-condor-'))
  const env = { ...process.env, WOW_HOME: join(scratch, 'home') }
  const machines: Machine[] = []
  let bootstrap: ChildProcess | undefined
  let dist: string | undefined
  const pools: RegExpExecArray[] = []

  before(async () => {
    await ensurePackages(['iproute2', 'qemu-system-x86'])
    const wow = (...argv: string[]) => execFileSync(process.execPath, [agentBundle, ...argv], { env, encoding: 'utf8' })
    const { id } = JSON.parse(wow('namespace', 'create', '--name', 'pool', '--pool', '10.200.0.0/16', '--json'))
    dist = join(distFolder, id)
    execFileSync(process.execPath, ['--import', 'tsx', inRoot('scripts', 'appliance.ts')], {
      env: { ...env, NS: id, FLAVOUR: 'condor', FORMATS: 'qcow2', BOOTSTRAP },
      cwd: inRoot(),
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const image = join(dist, 'wow-pool.qcow2')
    const packages = await packageLayer(readFlavour('condor'), process.env.MIRROR || undefined)
    const kernel = join(scratch, 'vmlinuz')
    extractKernel(packages.tar, kernel)
    const accelerator = await chooseAccelerator(kernel)
    execFileSync('ip', ['netns', 'add', netns])
    execFileSync('ip', ['-n', netns, 'link', 'set', 'lo', 'up'])
    const up = ['up', '--no-mdns', '--state', join(scratch, 'bootstrap'), '--announce', BOOTSTRAP]
    up.push('--listen', `/ip4/127.0.0.1/tcp/${BOOTSTRAP_PORT}`)
    bootstrap = spawn('ip', ['netns', 'exec', netns, process.execPath, agentBundle, ...up], { env, stdio: 'ignore' })
    const logs = inRoot('build', 'e2e')
    mkdirSync(logs, { recursive: true })
    for (const kind of ['lan-host', 'lan-guest'] as const) {
      const log = join(logs, `condor-${kind}.log`)
      rmSync(log, { force: true })
      const mac = `52:54:00:00:01:0${machines.length + 1}`
      const uplink = { kind, port: LAN_PORT }
      machines.push(Machine.boot({ image, accelerator, memoryMiB: MEMORY_MIB, netns, uplink, mac, log }))
      // The LAN must be there before anybody joins it.
      if (machines.length === 1) await new Promise((resolve) => setTimeout(resolve, 2000))
    }
  })

  after(async () => {
    for (const machine of machines) await machine.stop()
    bootstrap?.kill('SIGKILL')
    if (readdirSync('/run/netns').includes(netns)) execFileSync('ip', ['netns', 'del', netns])
    if (dist !== undefined) rmSync(dist, { recursive: true, force: true })
    rmSync(scratch, { recursive: true, force: true })
  })

  /** What a command that must succeed prints in the shell on a machine's console. */
  const answers = async (machine: Machine, command: string) => {
    const { output, exitCode } = await machine.run(command, COMMAND_MS)
    assert.equal(exitCode, 0, `${command}: ${output}`)
    return output
  }

  test('become one pool by themselves, with one manager', async () => {
    const line = /wow: phase=pool .*manager=([\d.]+) term=(\d+) slots=(\d+)\s/
    pools.push(...(await Promise.all(machines.map((machine) => machine.waitFor(line, BOOT_MS)))))
    await Promise.all(machines.map((machine) => machine.waitFor(/wow@wow:/, BOOT_MS)))
    const both =
      'for i in $(seq 60); do n=$(condor_status -af Machine | wc -l); [ $n = 2 ] && break; sleep 2; done; echo $n slots'
    for (const machine of machines) assert.match(await answers(machine, both), /^2 slots$/m)
  })

  test('run a job of the one on the other, as nobody, and wow doctor finds nothing wrong', async () => {
    const [one, two] = machines as [Machine, Machine]
    const name = /n10-200-\d+-\d+\.pool\.wow/.exec(await answers(two, 'condor_config_val NETWORK_HOSTNAME'))?.[0]
    assert.ok(name)
    const submit = Buffer.from(`${JOB}requirements = Machine == "${name}"\nqueue\n`).toString('base64')
    await answers(one, `cd && echo ${submit} | base64 -d >job.sub && condor_submit job.sub`)
    assert.match(await answers(one, 'condor_wait -wait 240 log && cat out err'), /^wow\nnobody$/m)
    assert.match(await answers(one, 'condor_history -af LastRemoteHost'), new RegExp(`@${name}`))
    for (const machine of machines) await answers(machine, 'sudo wow doctor')
  })
})
