import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SuspendMeter } from '../../agent/core/suspend-meter.ts'

/** The three clocks of a machine, in ms. */
class Machine {
  monotonicMs = 5_000
  wallMs = 1_800_000_000_000
  bootMs: number | undefined = 9_000
  bootReads = 0

  meter(): SuspendMeter {
    return new SuspendMeter({
      monotonic: () => this.monotonicMs,
      wall: () => this.wallMs,
      boot: () => {
        this.bootReads++
        return this.bootMs
      },
    })
  }

  run(ms: number): void {
    this.monotonicMs += ms
    this.wallMs += ms
    if (this.bootMs !== undefined) this.bootMs += ms
  }

  suspend(ms: number): void {
    this.wallMs += ms
    if (this.bootMs !== undefined) this.bootMs += ms
  }
}

describe('how long the machine has been suspended', () => {
  test('is nothing while it runs, and costs no reading of files', () => {
    const machine = new Machine()
    const meter = machine.meter()
    for (let i = 0; i < 10; i++) {
      machine.run(60_000)
      assert.equal(meter.suspendedMs(), 0)
    }
    assert.equal(machine.bootReads, 1)
  })

  test('adds up over several times', () => {
    const machine = new Machine()
    const meter = machine.meter()
    machine.suspend(3_600_000)
    assert.equal(meter.suspendedMs(), 3_600_000)
    machine.run(1_000)
    machine.suspend(700)
    assert.equal(meter.suspendedMs(), 3_600_700)
  })

  test('does not grow when somebody sets the wall clock, forward or back', () => {
    const machine = new Machine()
    const meter = machine.meter()
    for (const byMs of [7_200_000, -86_400_000, 150]) {
      machine.wallMs += byMs
      assert.equal(meter.suspendedMs(), 0)
    }
  })

  test('is unknown, and counts as nothing, where the system does not tell', () => {
    const machine = new Machine()
    machine.bootMs = undefined
    const meter = machine.meter()
    machine.suspend(60_000)
    assert.equal(meter.suspendedMs(), 0)
  })

  test('can be read on this machine', () => {
    assert.ok(new SuspendMeter().suspendedMs() < 1_000)
  })
})
