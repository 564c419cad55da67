import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { utf8 } from '../../agent/core/bytes.ts'
import type { SubKey } from '../../agent/dht/dht.ts'
import { subKeysOf } from '../../agent/dht/sub-keys.ts'
import { isCloser } from '../../agent/overlay/address.ts'
import type { SimCluster, SimHost } from '../../sim/sim-cluster.ts'
import { create } from '../dht/samples.ts'
import { clusterOf } from './cluster.ts'

/** A key whose first sub-key is nearest to its left replica, which then decides first. */
function keyLedByLeft(sim: SimCluster): { key: Uint8Array; subKey: SubKey; left: SimHost; right: SimHost } {
  for (let i = 0; ; i++) {
    const key = utf8(`key ${i}`)
    const [subKey] = subKeysOf(key) as [SubKey]
    const left = sim.hosts().reduce((best, host) => (isCloser(subKey, host.address, best.address) ? host : best))
    const custodian = left.dht.custodianOf(subKey)
    if (custodian?.side === 'right') return { key, subKey, left, right: sim.host(custodian.partner!) }
  }
}

describe('a change that one of the two replicas of a sub-key refuses', () => {
  test('is refused by the sub-key, and the other replica keeps nothing of it', async () => {
    const sim = await clusterOf(20, 31)
    const { key, subKey, left, right } = keyLedByLeft(sim)
    right.dht.store.apply(create('of a rival', { key, ttlMs: 60_000 }), right.address)
    const asker = sim.hosts().find((host) => host !== left && host !== right)!
    const { votes } = await sim.clock.complete(asker.dht.create(key, utf8('mine'), utf8('value'), 600_000))
    assert.ok(votes.filter((vote) => vote === 'ok').length <= 4)
    assert.equal(left.dht.store.get(subKey), undefined)
  })
})
