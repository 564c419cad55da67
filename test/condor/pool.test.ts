/** The pool's work, with a table of answers for HTCondor: failures are named and retried, and harm nothing else. */

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { CommandOptions, CommandResult, Commands } from '../../agent/condor/commands.ts'
import type { CondorPaths } from '../../agent/condor/configuration.ts'
import { CondorPool } from '../../agent/condor/pool.ts'
import { type CondorOptions, condorSettings } from '../../agent/condor/settings.ts'
import type { Ip4 } from '../../agent/core/ip.ts'
import { SILENT } from '../../agent/core/log.ts'
import type { SimHost } from '../../sim/sim-cluster.ts'
import { SimCluster } from '../../sim/sim-cluster.ts'
import { sampleNamespace } from '../namespace/samples.ts'

const scratch = mkdtempSync(join(tmpdir(), 'wow-pool-'))
after(() => rmSync(scratch, { recursive: true }))

/** Answers at once, as told, and records what was run. */
class Played implements Commands {
  readonly ran: string[] = []
  readonly answers = new Map<string, CommandResult>()
  /** The time limit of each question to a collector, ms. */
  readonly patience: number[] = []

  /** The program that never answers; its run ends only when it is aborted. */
  hanging: string | undefined

  async run(program: string, args: readonly string[], { limitMs, signal }: CommandOptions): Promise<CommandResult> {
    this.ran.push([program, ...args].join(' '))
    if (program === 'condor_status') this.patience.push(limitMs)
    if (program === this.hanging) {
      await new Promise((resolve) => signal?.addEventListener('abort', resolve))
      return { kind: 'hung', said: 'no answer' }
    }
    const said = program === 'condor_status' ? 'something\n' : ''
    return this.answers.get(program) ?? { kind: 'ok', stdout: said }
  }

  count(program: string): number {
    return this.ran.filter((line) => line.startsWith(program)).length
  }
}

interface Stage {
  readonly sim: SimCluster
  readonly host: SimHost
  readonly pool: CondorPool
  readonly commands: Played
  readonly paths: CondorPaths
  readonly joins: { manager: string; term: number }[]
}

async function stage(options: CondorOptions = {}): Promise<Stage> {
  const folder = mkdtempSync(join(scratch, 'machine-'))
  const at = (name: string) => join(folder, name)
  const paths = {
    config: at('config.d'),
    passwords: at('passwords.d'),
    tokens: at('tokens.d'),
    userTokens: at('wow-tokens'),
    templates: at('templates'),
    hosts: at('hosts'),
    machineAd: at('run/machine.ad'),
    owner: at('run/owner.json'),
    master: at('condor_master'),
  }
  mkdirSync(paths.config)
  writeFileSync(paths.master, '')
  writeFileSync(paths.hosts, '127.0.0.1 localhost\n')
  const sim = new SimCluster(1)
  const host = sim.boot()
  await sim.clock.runFor(2_000)
  const { signed } = sampleNamespace()
  const commands = new Played()
  const joins: { manager: string; term: number }[] = []
  const pool = new CondorPool({
    ...{
      dht: host.dht,
      clock: host.clock,
      random: host.random,
      log: SILENT,
      keys: sim.keys,
      signed,
      self: host.address,
    },
    ...{ alone: () => true, tap: 'wow0', settings: condorSettings(options), commands, paths },
    onJoined: (joined) => joins.push(joined),
  })
  return { sim, host, pool, commands, paths, joins }
}

/** Lets the pool's asynchronous work happen, file system included. */
async function pass({ sim }: Stage, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    await sim.clock.runFor(100)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** An address of the namespace. */
function own(number: number): Ip4 {
  return (sampleNamespace().signed.record.pool.base + number) as Ip4
}

async function joined(at: Stage): Promise<void> {
  at.pool.bound(own(7))
  await pass(at, 8_000)
  // The file system does not run in virtual time: on a busy machine it takes longer than these 8 s.
  for (let i = 0; i < 200 && at.pool.facts().state === 'joining'; i++) await pass(at, 100)
}

describe('a machine on its way into the pool', () => {
  test('writes its configuration and secrets, starts HTCondor and says that it is in', async () => {
    const at = await stage()
    at.commands.answers.set('condor_reconfig', { kind: 'failed', said: "Can't find address for local master" })
    await joined(at)
    assert.equal(at.pool.facts().state, 'joined')
    assert.equal(at.joins.length, 1)
    assert.equal(at.joins[0]?.term, 1)
    assert.match(readFileSync(join(at.paths.config, '90-wow-pool.conf'), 'utf8'), /COLLECTOR NEGOTIATOR STARTD SCHEDD/)
    assert.equal(statSync(at.paths.passwords).mode & 0o777, 0o700)
    assert.equal(statSync(at.paths.tokens).mode & 0o777, 0o700)
    assert.equal(statSync(join(at.paths.passwords, 'POOL')).mode & 0o777, 0o600)
    assert.ok(at.commands.ran.some((line) => /condor_master|systemctl start/.test(line)))
    assert.ok(at.commands.ran.includes('nft -f -'), 'jobs are fenced in')
    await at.pool.stop()
  })

  test('writes nothing, and tells nobody, when nothing changed', async () => {
    const at = await stage()
    await joined(at)
    const machine = join(at.paths.config, '91-wow-machine.conf')
    while (!readFileSync(machine, 'utf8').includes('WOW_Hypervisor')) await pass(at, 1_000)
    await pass(at, 5_000)
    const before = statSync(join(at.paths.config, '90-wow-pool.conf')).mtimeMs
    const told = at.commands.count('condor_reconfig')
    await pass(at, 30_000)
    assert.equal(statSync(join(at.paths.config, '90-wow-pool.conf')).mtimeMs, before)
    assert.equal(at.commands.count('condor_reconfig'), told)
    await at.pool.stop()
  })

  test('asks a collector that may only be starting briefly, and each time with more patience', async () => {
    const at = await stage()
    at.commands.answers.set('condor_status', { kind: 'hung', said: 'no answer' })
    await joined(at)
    assert.deepEqual(at.commands.patience.slice(0, 5), [1_500, 3_000, 6_000, 10_000, 10_000])
    await at.pool.stop()
  })

  test('waits for no answer that it has no use for any more', async () => {
    const at = await stage()
    at.commands.hanging = 'condor_status'
    at.pool.bound(own(7))
    await pass(at, 5_000)
    const told = at.commands.count('condor_reconfig')
    at.pool.bound(own(8))
    await pass(at, 5_000)
    assert.ok(at.commands.count('condor_reconfig') > told, 'the daemons hear of the other address')
    at.commands.hanging = undefined
    await at.pool.stop()
  })

  const failures: [string, string, (at: Stage) => void, (at: Stage) => void][] = [
    [
      'HTCondor is not installed',
      'CONDOR_MISSING',
      ({ paths }) => rmSync(paths.master),
      ({ paths }) => writeFileSync(paths.master, ''),
    ],
    [
      'config.d cannot be written',
      'CONDOR_UNWRITABLE',
      ({ paths }) => {
        rmSync(paths.config, { recursive: true })
        writeFileSync(paths.config, 'a file')
      },
      ({ paths }) => {
        rmSync(paths.config)
        mkdirSync(paths.config)
      },
    ],
    [
      'a template does not render',
      'CONDOR_TEMPLATE',
      ({ paths }) => {
        mkdirSync(paths.templates)
        writeFileSync(join(paths.templates, '99-bad.conf.hbs'), '{{#if}')
      },
      ({ paths }) => rmSync(paths.templates, { recursive: true }),
    ],
    [
      'condor_reconfig hangs',
      'CONDOR_RECONFIG_HUNG',
      ({ commands }) => commands.answers.set('condor_reconfig', { kind: 'hung', said: 'no answer within 20 s' }),
      ({ commands }) => commands.answers.delete('condor_reconfig'),
    ],
    [
      'the packet filter is missing',
      'CONDOR_FENCE',
      ({ commands }) => commands.answers.set('nft', { kind: 'failed', said: 'spawn nft ENOENT' }),
      ({ commands }) => commands.answers.delete('nft'),
    ],
  ]
  for (const [what, code, breakIt, mend] of failures) {
    test(`names that ${what}, tries again ever less often, and goes on when that is mended`, async () => {
      const at = await stage()
      breakIt(at)
      await joined(at)
      const { state, problem } = at.pool.facts()
      assert.equal(state, 'failed')
      assert.equal(problem?.code, code)
      assert.notEqual(problem?.hint, '')
      assert.equal(at.joins.length, 0)
      mend(at)
      await pass(at, 70_000)
      assert.equal(at.pool.facts().problem, undefined)
      assert.equal(at.pool.facts().state, 'joined')
      await at.pool.stop()
    })
  }

  test('a manager that cannot do its work leaves the role to others', async () => {
    const at = await stage()
    at.commands.answers.set('condor_reconfig', { kind: 'hung', said: 'no answer within 20 s' })
    await joined(at)
    await pass(at, 12_000)
    assert.equal(at.pool.facts().leading, false)
    assert.equal(at.pool.facts().problem?.code, 'CONDOR_RECONFIG_HUNG')
    await at.pool.stop()
  })

  test('a machine without HTCondor never leads', async () => {
    const at = await stage()
    rmSync(at.paths.master)
    await joined(at)
    await pass(at, 20_000)
    assert.equal(at.pool.facts().manager, undefined)
    await at.pool.stop()
  })

  test('makes no fence when jobs may use any network', async () => {
    const at = await stage({ network: 'any' })
    at.commands.answers.set('nft', { kind: 'failed', said: 'no nft' })
    await joined(at)
    assert.equal(at.pool.facts().state, 'joined')
    await at.pool.stop()
  })

  test('never leads, and waits, when its settings name another machine', async () => {
    const at = await stage({ manager: '10.128.0.99' })
    await joined(at)
    assert.equal(at.pool.facts().state, 'waiting')
    assert.equal(at.pool.facts().leading, false)
    assert.equal(existsSync(join(at.paths.config, '90-wow-pool.conf')), false)
    await at.pool.stop()
  })

  test('passes on what the owner does, as long as that is fresh', async () => {
    const at = await stage({ policy: 'idle' })
    await joined(at)
    assert.equal(readFileSync(at.paths.machineAd, 'utf8'), 'WOW_OnBattery = False\n')
    writeFileSync(at.paths.owner, '{"idleS":7,"onBattery":true}')
    await pass(at, 6_000)
    assert.match(readFileSync(at.paths.machineAd, 'utf8'), /^WOW_OwnerIdle = [789]\nWOW_OnBattery = True\n$/)
    writeFileSync(at.paths.owner, 'half a')
    await pass(at, 6_000)
    assert.equal(readFileSync(at.paths.machineAd, 'utf8'), 'WOW_OnBattery = False\n')
    await at.pool.stop()
  })
})
