import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toAddress } from '../../agent/overlay/address.ts'
import { LINK_GRACE_MS } from '../../agent/overlay/constants.ts'
import { LinkUpkeep } from '../../agent/overlay/link-upkeep.ts'
import type { NearLinks } from '../../agent/overlay/near-links.ts'
import { Peers } from '../../agent/overlay/peers.ts'
import type { Upgrades } from '../../agent/overlay/upgrades.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { linkTo } from './link-to.ts'

test('a link that nobody wants is given up after a while, one that others run through is not', async () => {
  const clock = new VirtualClock()
  const peers = new Peers(toAddress(0n), clock)
  const [idle, relay] = [toAddress(1n), toAddress(2n)]
  const closed: unknown[] = []
  for (const address of [idle, relay]) {
    peers.add(Object.assign(linkTo(address), { close: () => closed.push(address) }))
  }
  const upkeep = new LinkUpkeep({
    ...{ clock, peers, links: { needs: (peer) => peer === relay } },
    near: { isNear: () => false } as unknown as NearLinks,
    upgrades: { review: () => {} } as unknown as Upgrades,
  })
  upkeep.tidy()
  await clock.runFor(LINK_GRACE_MS + 1)
  upkeep.tidy()
  assert.deepEqual(closed, [idle])
})
