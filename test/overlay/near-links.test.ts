import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import type { Connector } from '../../agent/overlay/connector.ts'
import { GHOST_MS, REDIAL_MAX_MS, REDIAL_MIN_MS } from '../../agent/overlay/constants.ts'
import { NearLinks } from '../../agent/overlay/near-links.ts'
import { DeliveryError } from '../../agent/overlay/overlay.ts'
import { type Peer, Peers } from '../../agent/overlay/peers.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { linkTo } from './link-to.ts'

const [SELF, LEFT, RIGHT, NEXT, AFTER, GHOST] = [0n, -10n, 10n, 20n, 30n, 5n].map(toAddress) as [
  Address,
  Address,
  Address,
  Address,
  Address,
  Address,
]

/** A node that is linked to one neighbour on each side; the right one has named two nodes behind it. Nobody reaches `GHOST`. */
function setUp() {
  const clock = new VirtualClock()
  const peers = new Peers(SELF, clock)
  const dialled: Address[] = []
  const changes: boolean[] = []
  const connector = {
    isTrying: () => false,
    connect: (address: Address) => {
      dialled.push(address)
      if (address === GHOST) return Promise.reject(new DeliveryError('no-answer', 'nobody there'))
      return new Promise<void>(() => {})
    },
  }
  const near = new NearLinks({
    self: SELF,
    peers,
    clock,
    connector: connector as unknown as Connector,
    changed: () => changes.push(near.bothNeighborsAgree),
  })
  const tell = (address: Address, left: readonly Address[], right: readonly Address[]): Peer => {
    const peer = peers.get(address) ?? peers.add(linkTo(address))!
    const before = peer.status
    peer.status = { kind: 'status', epoch: 1, serial: 1, wanted: true, joined: true, left, right }
    near.onStatus(peer, before === undefined)
    return peer
  }
  tell(LEFT, [], [SELF])
  const right = tell(RIGHT, [SELF], [NEXT, AFTER])
  const lose = (peer: Peer) => {
    peers.remove(peer.link)
    near.onLost(peer)
    near.evaluate()
  }
  return { clock, near, dialled, changes, right, tell, lose }
}

describe('near links', () => {
  test('a closed ring also gets a spare on each side', () => {
    const { near, dialled } = setUp()
    assert.equal(near.bothNeighborsAgree, true)
    assert.deepEqual(dialled, [AFTER, NEXT], 'the one on the left is the last one round the circle')
  })

  test('when a neighbour is lost, whom it named behind it is dialled next, though nobody else names it', () => {
    const { near, dialled, right, lose } = setUp()
    dialled.length = 0
    lose(right)
    assert.deepEqual(near.right, [LEFT], 'round the circle')
    assert.deepEqual(dialled, [NEXT])
  })

  test('one that was lost is not dialled at once on the word of another, but after a pause', async () => {
    const { clock, dialled, right, tell, lose } = setUp()
    lose(right)
    dialled.length = 0
    tell(LEFT, [], [RIGHT])
    assert.equal(dialled.includes(RIGHT), false)
    await clock.runFor(REDIAL_MIN_MS + 1)
    assert.equal(dialled.includes(RIGHT), true)
  })

  test('a neighbour that names a node in between which is not there keeps nobody off the ring for long', async () => {
    for (const named of [[GHOST, SELF], [GHOST]]) {
      const { clock, near, changes, tell, right } = setUp()
      right.status = undefined
      tell(RIGHT, named, [NEXT, AFTER])
      await clock.runFor(GHOST_MS - 1)
      assert.equal(near.bothNeighborsAgree, false)
      changes.length = 0
      await clock.runFor(REDIAL_MAX_MS)
      assert.equal(near.bothNeighborsAgree, true)
      assert.deepEqual(changes, [true])
    }
  })

  test('a node in between counts that is linked, though it was out of reach for long', async () => {
    const { clock, near, tell, right } = setUp()
    right.status = undefined
    tell(RIGHT, [GHOST, SELF], [NEXT, AFTER])
    await clock.runFor(GHOST_MS + REDIAL_MAX_MS)
    tell(GHOST, [SELF], [RIGHT])
    near.evaluate()
    assert.deepEqual(near.right[0], GHOST)
    assert.equal(near.bothNeighborsAgree, true)
    tell(GHOST, [LEFT], [RIGHT])
    assert.equal(near.bothNeighborsAgree, false)
  })
})
