import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Arc } from '../../agent/dht/arc.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

const SELF = toAddress(0n)
const NEAR = toAddress(100n)
const FAR = toAddress(1_000n)

/** A node that answered up to FAR when NEAR came in between. */
function withNewcomer(): Arc {
  const arc = new Arc(SELF, 'right', new VirtualClock())
  arc.turn(FAR)
  arc.learn(FAR, 1_000n)
  arc.openTo(FAR)
  arc.turn(NEAR)
  return arc
}

describe('a node beside which another comes in', () => {
  test('vouches for what lies past the newcomer as long as the newcomer knows less of it', () => {
    const arc = withNewcomer()
    assert.equal(arc.relieveBy(NEAR, 899n), false)
    assert.equal(arc.extent, 1_000n)
  })

  test('vouches for nothing past the newcomer once that one knows as much, but keeps the entries for a while', () => {
    const arc = withNewcomer()
    assert.equal(arc.relieveBy(NEAR, 900n), true)
    assert.equal(arc.extent, 100n)
    assert.equal(arc.reach, 1_000n)
  })

  test('takes no older page for knowledge of what lies past a newcomer that relieved it', () => {
    const arc = withNewcomer()
    arc.relieveBy(NEAR, 900n)
    arc.learnPast(1_000n)
    assert.equal(arc.extent, 100n)
  })
})
