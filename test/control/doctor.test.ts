import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { conclude, type Diagnosis, diagnose, mayPass } from '../../agent/control/doctor.ts'
import type { AgentFacts, NamespaceFacts } from '../../agent/control/facts.ts'
import { diagnoseOffline } from '../../agent/control/offline.ts'
import { WowError } from '../../agent/core/errors.ts'
import { parseIp4 } from '../../agent/core/ip.ts'
import { healthyMember, loneNode, member, wholeRing, youngAgent } from './facts.ts'

function failures(facts: AgentFacts): string[] {
  return diagnose(facts)
    .checks.filter(({ ok }) => !ok)
    .map(({ code }) => code)
    .filter((code) => code !== 'TUN_DEVICE') // What this machine allows is not under test.
}

function memberWith(changes: Partial<NamespaceFacts>): AgentFacts {
  return { ...healthyMember(), namespace: { ...member(), ...changes } }
}

describe('wow doctor', () => {
  test('finds nothing wrong with a healthy member or a lone node', () => {
    assert.deepEqual(failures(healthyMember()), [])
    assert.deepEqual(failures(loneNode()), [])
    assert.equal(diagnose(loneNode()).ok, true)
  })

  test('goes through the boot in order, with a remedy for each failure', () => {
    const { ok, checks } = diagnose(youngAgent())
    assert.equal(ok, false)
    const order = ['AGENT_RUNNING', 'LISTENING', 'BOOTSTRAP_REACHABLE', 'CORRECTLY_CONNECTED', 'DHT_READY']
    assert.deepEqual(
      checks.map(({ code }) => code),
      order,
    )
    for (const { ok, detail, hint } of checks) {
      assert.notEqual(detail, '')
      assert.equal(hint === '', ok)
    }
  })

  test('names what is wrong', () => {
    const ring = wholeRing()
    const cases: [AgentFacts, string][] = [
      [{ ...healthyMember(), ring: { ...ring, links: [] } }, 'BOOTSTRAP_REACHABLE'],
      [{ ...healthyMember(), ring: { ...ring, correctlyConnected: false } }, 'CORRECTLY_CONNECTED'],
      [{ ...healthyMember(), dhtReady: false }, 'DHT_READY'],
      [memberWith({ recordState: 'taken', recordDetail: 'held by somebody' }), 'NAMESPACE_RECORD'],
      [memberWith({ tap: 'wowgone0' }), 'TAP'],
      [memberWith({ leases: [] }), 'LEASE'],
      [memberWith({ leases: [], lost: [parseIp4('10.128.0.7')!] }), 'LEASE'],
    ]
    for (const [facts, code] of cases) assert.deepEqual(failures(facts), [code])
    assert.deepEqual(failures(memberWith({ leases: [], refused: 'pool-exhausted' })), ['POOL_NOT_EXHAUSTED', 'LEASE'])
  })

  test('knows what may pass by itself', () => {
    const away = { ...healthyMember(), ring: { ...wholeRing(), correctlyConnected: false }, dhtReady: false }
    const passing = ({ checks }: Diagnosis) => mayPass(conclude(checks.filter(({ code }) => code !== 'TUN_DEVICE')))
    assert.equal(passing(diagnose(away)), true)
    assert.equal(passing(diagnose(healthyMember())), false)
    assert.equal(passing(diagnose({ ...away, ring: { ...wholeRing(), links: [] } })), true)
    assert.equal(passing(diagnose({ ...away, namespace: { ...member(), leases: [] } })), false)
  })

  test('repeats why a boot went no further', () => {
    const facts = youngAgent()
    facts.phases.fail(new WowError('SOME_CODE', 'Something.', 'Do this.'))
    assert.ok(failures(facts).includes('SOME_CODE'))
  })

  test('tells what it can when no agent runs', () => {
    const folder = mkdtempSync(join(tmpdir(), 'wow-doctor-'))
    const silence = new WowError('AGENT_NOT_RUNNING', 'No agent runs.', 'Start it.')
    const failed = () =>
      diagnoseOffline(folder, silence)
        .checks.filter(({ ok }) => !ok)
        .map(({ code }) => code)
        .filter((code) => code !== 'TUN_DEVICE')
    try {
      assert.deepEqual(failed(), ['AGENT_RUNNING'])
      writeFileSync(join(folder, 'peers.json'), '{')
      assert.deepEqual(failed(), ['STATE_FILES', 'AGENT_RUNNING'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
