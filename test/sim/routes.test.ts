/** Through whom a node's requests go, in a ring with strangers. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EMPTY } from '../../agent/core/bytes.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import { Stranger } from '../fuzz/stranger.ts'
import { clusterOf } from './cluster.ts'

describe('a stranger that dials a member and says that it has joined', () => {
  test('gets none of its requests, however near it is to their target', async () => {
    const sim = await clusterOf(30, 21)
    for (const host of sim.hosts()) host.ring.serve(SERVICES.tunnel, () => EMPTY)
    const [member, ...others] = sim.hosts()
    const near = new Set(member!.ring.status().links.map(({ peer }) => peer))
    const far = others.find(({ address }) => !near.has(address))!
    const stranger = await Stranger.at(sim, member!.address, toAddress(far.address + 1n))
    let heard = 0
    stranger.onHeard = (frame) => {
      if (frame.kind === 'request') heard++
    }
    const status = { wanted: true, joined: true, left: [], right: [] }
    stranger.send({ kind: 'status', epoch: 7, serial: 1, ...status })
    await sim.clock.runFor(1_000)
    const { from } = await sim.clock.complete(member!.ring.request(SERVICES.tunnel, toAddress(far.address + 2n), EMPTY))
    assert.equal(from, far.address)
    assert.equal(heard, 0)
  })
})
