/** The pool with Debian 13's real HTCondor on whole machines, over real agents and taps. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { openPoolLab, PoolHost, type PoolLab, settled } from '../../lab/condor-pool.ts'
import { labMissing } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'

/** All permissions that HTCondor lets a peer ask for. */
const PERMISSIONS = [
  'READ',
  'WRITE',
  'DAEMON',
  'ADVERTISE_MASTER',
  'ADVERTISE_STARTD',
  'ADVERTISE_SCHEDD',
  'NEGOTIATOR',
  'ADMINISTRATOR',
]

describe('a pool of three machines', { skip: labMissing() }, () => {
  let pool: PoolLab
  let hosts: PoolHost[]
  let manager: PoolHost

  before(async () => {
    pool = await openPoolLab()
    hosts = await Promise.all(['one', 'two', 'three'].map((name) => PoolHost.create(pool, name)))
    await Promise.all(hosts.map((host) => host.join()))
    manager = await settled(hosts)
  })
  after(() => pool.lab.close())

  /** All hosts but those given. */
  const others = (...but: PoolHost[]) => hosts.filter((host) => !but.includes(host))
  const at = (list: readonly PoolHost[], index: number): PoolHost => {
    const host = list[index]
    assert.ok(host)
    return host
  }

  test('assembles itself, each machine with a slot, one of them managing it', async () => {
    assert.deepEqual(await at(hosts, 1).machines(), hosts.map(({ hostname }) => hostname).sort())
    for (const host of hosts) {
      const { manager: followed, leading, role, problem } = await host.status()
      assert.deepEqual([followed?.ip, role, problem], [manager.ip, 'both', null])
      assert.equal(leading, host === manager)
    }
  })

  test('shows what each machine is, and wow doctor finds nothing wrong with it', async () => {
    const shown = await at(others(manager), 0).run(
      'condor_status',
      '-af',
      'Machine',
      'WOW_Ip',
      'WOW_Node',
      'WOW_Namespace',
    )
    for (const { hostname, ip, host } of hosts) {
      const { address } = await host.agent.status()
      assert.ok(shown.includes(`${hostname} ${ip} ${address} ${pool.namespace.id}`), shown)
      // The doctor fails when any check fails.
      await host.machine.run(...host.machine.wow, 'doctor', '--state', host.agent.options.state)
    }
  })

  test('runs a job of one machine on another, as an ordinary user who reaches the virtual network only', async () => {
    const [from, to] = [at(hosts, 0), at(hosts, 1)]
    const uplink = (address: string) => `timeout 5 bash -c 'exec 3<>/dev/tcp/${address}' && echo reached ${address}`
    const job = await from.submit({
      script: `id -un; hostname; ${uplink('198.51.100.1/4001')}; ${uplink(`${from.ip}/9618`)}; true`,
      requirements: `Machine == "${to.hostname}"`,
    })
    const lines = (await job.output()).trim().split('\n')
    assert.deepEqual(lines, ['nobody', to.name, `reached ${from.ip}/9618`])
  })

  test('refuses a machine that has not the secret everything, though it is on the network', async () => {
    const { lab, root, namespace } = pool
    const stranger = await lab.machine('stranger', root, { token: namespace.token })
    const ip = await stranger.join()
    const shared = lab.file('stranger.conf')
    writeFileSync(
      shared,
      (await manager.run('cat', '/etc/condor/config.d/90-wow-pool.conf')).replaceAll(manager.ip, ip),
    )
    const forge = `umask 077
      cp ${shared} /etc/condor/config.d/90-wow-pool.conf
      echo "${ip} stranger" >>/etc/hosts
      mkdir /etc/condor/passwords.d /etc/condor/tokens.d /etc/condor/wow-tokens
      ln -s /etc/condor/tokens.d /etc/condor/wow-tokens/root
      printf another-secret-of-some-length >/etc/condor/passwords.d/POOL
      condor_token_create -identity condor@lab.wow >/etc/condor/tokens.d/forged`
    await stranger.machine.run('sh', '-c', forge)
    const member = at(others(manager), 0)
    for (const permission of PERMISSIONS) {
      for (const [type, host] of [
        ['COLLECTOR', manager],
        ['SCHEDD', member],
        ['STARTD', member],
      ] as const) {
        const ask = `timeout 20 condor_ping -addr '${await addressOf(host, type)}' -type ${type} ${permission} 2>&1; true`
        // A member that asks the same is allowed: only the secret decides.
        assert.match(await host.run('sh', '-c', ask), /SUCCE/i, `${permission} at the ${type} for a member`)
        const said = await stranger.machine.run('sh', '-c', ask)
        assert.match(said, /fail|denied/i, `${permission} at the ${type}: ${said}`)
        assert.doesNotMatch(said, /SUCCE/i, `${permission} at the ${type}: ${said}`)
      }
    }
    await stranger.machine.cutPower()
  })

  test("goes on when its manager's power is cut: running jobs run on, waiting ones run, another machine manages it", async () => {
    const [from, worker] = [at(others(manager), 0), at(others(manager), 1)]
    const running = await from.submit({
      script: 'sleep 60; echo done',
      requirements: `Machine == "${worker.hostname}"`,
      cpus: 2,
    })
    await running.running()
    const waiting = await from.submit({ script: 'echo ran', requirements: `Machine == "${worker.hostname}"`, cpus: 2 })
    const lost = manager
    const before = (await lost.status()).manager?.term ?? 0
    await lost.host.machine.cutPower()
    manager = await settled(others(lost))
    const { manager: now } = await from.status()
    assert.ok(now !== null && now.term > before)
    const late = await from.submit({ script: 'hostname' })
    assert.match(await late.output(), /one|two|three/)
    assert.equal(await running.output(), 'done\n')
    assert.equal(await running.starts(), 1)
    assert.equal(await waiting.output(), 'ran\n')

    // The old manager comes back as an ordinary member.
    await lost.host.machine.powerOn()
    await lost.join()
    assert.equal(await settled(hosts), manager)
    assert.equal((await lost.status()).leading, false)
    assert.equal((await lost.status()).manager?.term, now.term)
    const daemons = await lost.run('condor_config_val', 'DAEMON_LIST')
    assert.doesNotMatch(daemons, /COLLECTOR|NEGOTIATOR/)
  })

  test('is one again after a partition, with one manager in a term that goes on from both', async () => {
    const cut = manager
    const terms = async () =>
      Math.max(...(await Promise.all(hosts.map((host) => host.status()))).map((s) => s.manager?.term ?? 0))
    await cut.host.machine.ip('link', 'set', 'eth0', 'down')
    await settled(others(cut))
    const parted = await terms()
    await cut.host.machine.ip('link', 'set', 'eth0', 'up')
    // The manager that stays learns the other side's term with its next renewal, and takes a higher one.
    await until('the terms go on', async () => (await settled(hosts)) && (await terms()) >= parted)
    manager = await settled(hosts)
    const job = await at(others(manager), 0).submit({
      script: 'hostname',
      requirements: `Machine == "${cut.hostname}"`,
    })
    assert.equal((await job.output()).trim(), cut.name)
  })
})

/** Where one of the machine's daemons listens (its sinful string). */
async function addressOf(host: PoolHost, type: 'COLLECTOR' | 'SCHEDD' | 'STARTD'): Promise<string> {
  if (type === 'COLLECTOR') return `<${host.ip}:9618>`
  return (await host.run('sh', '-c', `head -1 $(condor_config_val ${type}_ADDRESS_FILE)`)).trim()
}

describe('machines with settings of their own', { skip: labMissing() }, () => {
  let pool: PoolLab
  let lab: PoolHost
  let desktop: PoolHost
  let plain: PoolHost
  let other: PoolHost

  before(async () => {
    pool = await openPoolLab()
    lab = await PoolHost.create(pool, 'lab', 'group=physics,flock=side')
    desktop = await PoolHost.create(pool, 'desktop', 'group=physics,policy=idle')
    plain = await PoolHost.create(pool, 'plain')
    other = await PoolHost.create(pool, 'other', 'pool=side')
    await Promise.all([lab, desktop, plain, other].map((host) => host.join()))
    await Promise.all([settled([lab, desktop, plain]), settled([other])])
  })
  after(() => pool.lab.close())

  /** The name of the machine that a job runs on. */
  const whereabouts = async (from: PoolHost, requirements?: string) => {
    const job = await from.submit({ script: 'hostname', ...(requirements === undefined ? {} : { requirements }) })
    return (await job.output()).trim()
  }

  test('prefer jobs of their own group', async () => {
    const elsewhere = `Machine != "${lab.hostname}"`
    for (let i = 0; i < 3; i++) assert.equal(await whereabouts(lab, elsewhere), desktop.name)
  })

  test('send jobs that have no room in their pool to another pool of the namespace', async () => {
    await until('the other pool is known', async () => (await lab.status()).flock.length === 1)
    assert.equal(await whereabouts(lab, `Machine == "${other.hostname}"`), other.name)
  })

  test("suspend jobs while the machine's owner is there, where the policy says so", async () => {
    const owner = (idleS: number) =>
      desktop.run(...desktop.host.machine.wow, 'condor', 'owner', '--idle', String(idleS))
    const job = await lab.submit({ script: 'sleep 40; echo done', requirements: `Machine == "${desktop.hostname}"` })
    await job.running()
    await owner(0)
    await until('the job is suspended', async () => /^010 /m.test(await job.log()))
    await owner(3_600)
    assert.equal(await job.output(), 'done\n')
    assert.match(await job.log(), /^011 /m)
  })
})

describe('ten machines that start at the same moment', { skip: labMissing() }, () => {
  let pool: PoolLab
  before(async () => {
    pool = await openPoolLab()
  })
  after(() => pool.lab.close())

  test('make one pool, not two', async () => {
    const names = Array.from({ length: 10 }, (_, i) => `host${i + 1}`)
    const hosts = await Promise.all(names.map((name) => PoolHost.create(pool, name)))
    await Promise.all(hosts.map((host) => host.join()))
    const manager = await settled(hosts)
    await until('the manager has counted all', async () => (await manager.status()).hosts === 10)
    const terms = await Promise.all(hosts.map(async (host) => (await host.status()).manager?.term))
    assert.deepEqual(new Set(terms).size, 1)
  })
})
