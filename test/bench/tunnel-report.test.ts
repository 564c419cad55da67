import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Figures } from '../../bench/tunnel/measure.ts'
import { median, type Sample, tables, targetsOf } from '../../bench/tunnel/report.ts'

function sample(round: number, peer: string, figures: Figures, line = 'plain'): Sample {
  return { round, peer, case: line, ...figures }
}

function measured(samples: readonly Sample[], name: string): number | undefined {
  return targetsOf(samples).find((target) => target.name === name)?.measured
}

describe('the report on tunnels', () => {
  test('compares within each round, so that a slow hour of the machine strikes both', () => {
    const samples = [1, 10, 100].flatMap((speed, round) => [
      sample(round, 'wow', { oneStream: 3 * speed }),
      sample(round, 'wireguard-go', { oneStream: 2 * speed }),
    ])
    assert.equal(measured(samples, 'TCP, one stream, of wireguard-go'), 1.5)
  })

  test('takes the best peer of each round, and no raw veth for a peer', () => {
    const samples = [
      sample(1, 'raw', { kpps: 900 }),
      sample(1, 'wow', { kpps: 60 }),
      sample(1, 'nebula', { kpps: 30 }),
      sample(1, 'n2n', { kpps: 20 }),
    ]
    assert.equal(measured(samples, '64 B packets, of the best peer'), 2)
  })

  test('judges targets that want more, and those that want less', () => {
    const samples = [
      sample(1, 'wow', { oneStream: 4, idleP50: 2, loadedP99: 2 }),
      sample(1, 'nebula', { oneStream: 1, idleP50: 1 }),
    ]
    const met = Object.fromEntries(targetsOf(samples).map(({ name, met }) => [name, met]))
    assert.deepEqual(met, {
      'TCP, one stream, of nebula': false,
      'ping idle p50, of nebula': false,
      'ping p99 while TCP runs': true,
    })
  })

  test('has no target without a rival, and a dash for what failed', () => {
    const samples = [sample(1, 'wow', { oneStream: 1 }), sample(1, 'n2n', {}), sample(2, 'wow', { oneStream: 3 })]
    assert.deepEqual(targetsOf(samples), [])
    assert.equal(median(samples, 'plain', 'n2n', 'oneStream'), undefined)
    assert.match(tables(samples, ['wow', 'n2n']), /^\| n2n \| – \|/m)
  })

  test('shows TCP over every line that was measured', () => {
    const samples = [sample(1, 'wow', { oneStream: 12.34, fourStreams: 2 }, 'loss-1')]
    assert.match(tables(samples, ['wow']), /1 % loss[\s\S]*\| wow \| 12.3 \/ 2 \|/)
  })
})
