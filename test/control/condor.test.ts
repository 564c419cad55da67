import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CondorFacts } from '../../agent/condor/facts.ts'
import { condorSettings } from '../../agent/condor/settings.ts'
import { condorStatusOf } from '../../agent/control/condor.ts'
import { type Check, diagnose } from '../../agent/control/doctor.ts'
import { WowError } from '../../agent/core/errors.ts'
import { parseIp4 } from '../../agent/core/ip.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import { healthyMember, member } from './facts.ts'

const IP = parseIp4('10.128.0.2')!

function inPool(changes: Partial<CondorFacts> = {}): CondorFacts {
  return {
    settings: condorSettings({}),
    state: 'joined',
    problem: undefined,
    leading: false,
    manager: { term: 3, ip: IP, node: toAddress(9n), hosts: 4, slots: 4, wallS: 0 },
    slots: 4,
    electionProblem: undefined,
    skewS: 1,
    hostname: 'n10-128-0-7.lab.wow',
    flock: [],
    ...changes,
  }
}

function check(code: string, changes: Partial<CondorFacts>): Check {
  const { checks } = diagnose({ ...healthyMember(), namespace: { ...member(), condor: inPool(changes) } })
  const found = checks.find((one) => one.code === code)
  assert.ok(found)
  return found
}

describe('the pool in wow doctor', () => {
  test('is not there on a machine without one', () => {
    assert.ok(!diagnose(healthyMember()).checks.some(({ code }) => code.startsWith('CONDOR')))
  })

  test('is well when the machine has joined it', () => {
    assert.match(check('CONDOR_MANAGER', {}).detail, /10\.128\.0\.2 manages the pool main in term 3/)
    assert.match(check('CONDOR_MANAGER', { leading: true }).detail, /this machine manages/)
    for (const code of ['CONDOR_MANAGER', 'CONDOR_CLOCK', 'CONDOR_POOL']) assert.ok(check(code, {}).ok, code)
  })

  test('names a manager that is none, one that is missing, and the one that is waited for', () => {
    const electionProblem = 'the entry of the manager holds no address of this namespace'
    assert.match(check('CONDOR_MANAGER', { electionProblem }).detail, /no address of this namespace/)
    assert.match(check('CONDOR_MANAGER', { manager: undefined }).detail, /no manager yet/)
    const settings = condorSettings({ manager: '10.128.0.9' })
    assert.match(check('CONDOR_MANAGER', { manager: undefined, settings }).detail, /10\.128\.0\.9 is to be it/)
  })

  test('names a clock that is an hour off, whichever way', () => {
    assert.match(check('CONDOR_CLOCK', { skewS: 3_600 }).detail, /3600 s ahead of the manager's/)
    assert.match(check('CONDOR_CLOCK', { skewS: -3_600 }).detail, /3600 s behind the manager's/)
  })

  test('passes on what stands in the way, with what to do', () => {
    const problem = new WowError('CONDOR_RECONFIG_HUNG', 'It hangs.', 'Look there.')
    const { ok, detail, hint } = check('CONDOR_POOL', { state: 'failed', problem })
    assert.deepEqual([ok, detail, hint], [false, 'CONDOR_RECONFIG_HUNG: It hangs.', 'Look there.'])
    assert.match(check('CONDOR_POOL', { state: 'waiting' }).detail, /no address or no manager/)
  })
})

describe('wow condor status', () => {
  test('has stable names, and null for what is not known yet', () => {
    assert.deepEqual(condorStatusOf(inPool()), {
      state: 'joined',
      pool: 'main',
      role: 'both',
      policy: 'always',
      group: null,
      hostname: 'n10-128-0-7.lab.wow',
      leading: false,
      manager: { ip: '10.128.0.2', term: 3, node: '0000000000000000000000000000000000000009' },
      hosts: 4,
      slots: 4,
      flock: [],
      clockSkewS: 1,
      problem: null,
    })
    const young = condorStatusOf(inPool({ state: 'waiting', manager: undefined, hostname: undefined, slots: 0 }))
    assert.deepEqual([young.manager, young.hostname, young.hosts], [null, null, 0])
  })
})
