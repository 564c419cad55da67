import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { failureLine, PHASES, type PhaseName, Phases, PLAIN_PHASES, phaseLine } from '../../agent/control/phases.ts'
import { InputError } from '../../agent/core/errors.ts'

function ticking(expected: readonly PhaseName[]): Phases {
  let ms = 0
  return new Phases(expected, () => {
    ms += 100
    return ms
  })
}

describe('the phases of a boot', () => {
  test('are written as one line each, with fields that scripts can match', () => {
    const phases = ticking(PHASES)
    phases.reach('leased', { ip: '10.128.0.7', tried: 1, why: 'two words' })
    assert.equal(phaseLine(phases.get('leased')!), 'wow: phase=leased ms=100 ip=10.128.0.7 tried=1 why="two words"')
  })

  test('keep the time of their first time only', () => {
    const phases = ticking(PHASES)
    phases.reach('started')
    phases.reach('started')
    assert.equal(phases.get('started')?.ms, 100)
  })

  test('stand at the last one with none missing before it, though the tap comes early', () => {
    const phases = ticking(PHASES)
    assert.equal(phases.current, 'started')
    for (const name of ['started', 'tap', 'listening'] as const) phases.reach(name)
    assert.equal(phases.current, 'listening')
    for (const name of ['linked', 'connected', 'namespace', 'ready', 'leased'] as const) phases.reach(name)
    assert.equal(phases.current, 'leased')
  })

  test('of a plain overlay node end with ready', () => {
    const phases = ticking(PLAIN_PHASES)
    for (const name of PLAIN_PHASES) phases.reach(name)
    assert.equal(phases.current, 'ready')
  })

  test('tell a late listener what was before', () => {
    const phases = ticking(PHASES)
    phases.reach('started')
    const heard: string[] = []
    phases.onReached(({ name }) => heard.push(name))
    phases.reach('tap')
    assert.deepEqual(heard, ['started', 'tap'])
  })

  test('say why they go no further', () => {
    const phases = ticking(PHASES)
    const line = failureLine(phases.fail(new InputError('NO_TUN', 'No tun.', 'Load it.')))
    assert.equal(line, 'wow: phase=failed ms=100 code=NO_TUN message="No tun." hint="Load it."')
    assert.equal(phases.failed?.code, 'NO_TUN')
  })
})
