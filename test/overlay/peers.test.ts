import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toAddress } from '../../agent/overlay/address.ts'
import type { Link } from '../../agent/overlay/link.ts'
import { Peers } from '../../agent/overlay/peers.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { linkTo } from './link-to.ts'

const PEER = toAddress(2n)
const RELAYED: Parameters<typeof linkTo>[2] = { relayed: true, carrier: 'udp' }
const TCP: Parameters<typeof linkTo>[2] = { carrier: 'tcp' }
const UDP: Parameters<typeof linkTo>[2] = { carrier: 'udp' }

/** Which of two links is in use after both came, in this order, at the same moment. */
function inUse(self: bigint, first: Link, second: Link): Link | undefined {
  const peers = new Peers(toAddress(self), new VirtualClock())
  for (const link of [first, second]) peers.add(link)
  return peers.get(PEER)?.link
}

test('of two links the direct one is used, then the one over UDP, whichever came first and whoever dialled', () => {
  for (const [worse, better] of [
    [RELAYED, TCP],
    [RELAYED, UDP],
    [TCP, UDP],
  ]) {
    for (const outgoing of [true, false]) {
      const [bad, good] = [linkTo(PEER, outgoing, worse), linkTo(PEER, !outgoing, better)]
      assert.equal(inUse(1n, bad, good), good)
      assert.equal(inUse(1n, good, bad), good)
    }
  }
})

test('of two links of one kind both ends use the one that the lower address dialled', () => {
  const [dialled, accepted] = [linkTo(PEER, true, UDP), linkTo(PEER, false, UDP)]
  for (const [first, second] of [
    [dialled, accepted],
    [accepted, dialled],
  ] as const) {
    assert.equal(inUse(1n, first, second), dialled)
    assert.equal(inUse(3n, first, second), accepted)
  }
})
