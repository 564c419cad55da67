import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { resolveConfig } from '../../agent/boot/config.ts'
import { condorSection, condorSettings } from '../../agent/condor/settings.ts'
import { parseIp4 } from '../../agent/core/ip.ts'
import { refusal } from '../refusal.ts'

/** What a user reads who says this of the pool. */
function sentences(section: Record<string, unknown>): string {
  const { message, hint } = refusal(() => resolveConfig({ condor: section, token: 'wow1x' }))
  return `${message} ${hint}`
}

describe('the settings of the pool', () => {
  test('have defaults that need none of them', () => {
    assert.deepEqual(condorSettings({}), {
      manager: undefined,
      role: 'both',
      policy: 'always',
      group: undefined,
      pool: 'main',
      flock: [],
      network: 'virtual',
      users: ['wow'],
    })
  })

  test('may be written as one option', () => {
    const section = condorSection('role=worker, group=lab,flock=a+b,manager=10.128.0.9')
    const { condor } = resolveConfig({ condor: section, token: 'wow1x' })
    assert.equal(condor?.role, 'worker')
    assert.equal(condor?.group, 'lab')
    assert.deepEqual(condor?.flock, ['a', 'b'])
    assert.equal(condor?.manager, parseIp4('10.128.0.9'))
    assert.deepEqual(condorSection(''), {})
  })

  test('that are wrong are refused by name, with what was expected', () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ role: 'boss' }, /condor\.role must be both, worker or submit/],
      [{ policy: 'never' }, /condor\.policy must be always or idle/],
      [{ manager: '10.1.2' }, /condor\.manager must be an IPv4 address/],
      [{ group: 'two words' }, /condor\.group must be a name/],
      [{ group: '$(HOME)' }, /condor\.group must be a name/],
      [{ pool: 'a\nALLOW_WRITE=*' }, /condor\.pool must be a name/],
      [{ flock: ['a"b'] }, /condor\.flock\.0 must be a name/],
      [{ network: 'all' }, /condor\.network must be virtual or any/],
      [{ colour: 'red' }, /condor\.colour/],
    ]
    for (const [section, expected] of cases) assert.match(sentences(section), expected)
  })

  test('need a namespace', () => {
    const without = () => resolveConfig({ condor: {} })
    assert.throws(without, /needs a namespace/)
  })

  test('leave a pool out of the pools that it sends jobs to', () => {
    assert.deepEqual(condorSettings({ pool: 'a', flock: ['a', 'b'] }).flock, ['b'])
  })
})
