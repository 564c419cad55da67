import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { EMPTY } from '../../agent/core/bytes.ts'
import { addressFromBytes, isCloser } from '../../agent/overlay/address.ts'
import { NEAR_PER_SIDE } from '../../agent/overlay/constants.ts'
import { wantedFarLinks } from '../../agent/overlay/far-links.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import { buildRing } from '../../bench/lib/built-ring.ts'

const SIZE = 200

suite('a ring that is built whole', () => {
  test('is closed, has its near and far links, and routes to the nearest node', async () => {
    const sim = await buildRing(SIZE, 1, () => {})
    assert.equal(sim.nodes.size, SIZE)
    assert.deepEqual(sim.brokenNodes(), [])

    const statuses = [...sim.nodes.values()].map(({ ring }) => ring.status())
    for (const { near, onDemand } of statuses)
      assert.deepEqual({ near, onDemand }, { near: 2 * NEAR_PER_SIDE, onDemand: 0 })
    const far = statuses.reduce((sum, { far }) => sum + far, 0) / SIZE
    assert.ok(Math.abs(far - wantedFarLinks(SIZE)) < 1, `${far} far links a node`)

    for (const { ring } of sim.nodes.values()) ring.serve(SERVICES.tunnel, () => EMPTY)
    for (let i = 0; i < 50; i++) {
      const target = addressFromBytes(sim.random.bytes(20))
      const { from } = await sim.clock.complete(sim.anyNode()!.ring.request(SERVICES.tunnel, target, EMPTY))
      for (const address of sim.nodes.keys()) assert.ok(!isCloser(target, address, from))
    }
  })
})
