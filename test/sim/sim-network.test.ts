import assert from 'node:assert/strict'
import { addressFromBytes } from '../../agent/overlay/address.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { SimNetwork } from '../../sim/sim-network.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { linkLayerSuite } from '../transport/link-layer.suite.ts'

linkLayerSuite('the simulator', async () => {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const network = new SimNetwork(clock, random.fork())
  return {
    node: async () => network.host(addressFromBytes(random.bytes(20))),
    run: (promise) => clock.complete(promise, 60_000),
    until: async (condition) => assert.equal(await clock.runUntilTrue(condition, 60_000), true),
    stop: async () => {},
  }
})
