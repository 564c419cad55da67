import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { toAddress } from '../../agent/overlay/address.ts'
import { Admission } from '../../agent/overlay/admission.ts'
import type { Connector } from '../../agent/overlay/connector.ts'
import { BURST_S, MAX_PEERS, STRANGER_FRAMES_PER_S } from '../../agent/overlay/constants.ts'
import { NearLinks } from '../../agent/overlay/near-links.ts'
import { Peers } from '../../agent/overlay/peers.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { linkTo } from './link-to.ts'

const SELF = toAddress(0n)

function setUp() {
  const clock = new VirtualClock()
  const peers = new Peers(SELF, clock)
  const near = new NearLinks({ self: SELF, peers, clock, connector: {} as Connector, changed: () => {} })
  return { clock, peers, near, admission: new Admission({ self: SELF, peers, near, clock }) }
}

describe('a full node', () => {
  const { peers, near, admission } = setUp()
  for (let i = 0; i < MAX_PEERS; i++) peers.add(linkTo(toAddress(BigInt(1_000 + i))))
  near.left = [toAddress(-10n), toAddress(-20n)]
  near.right = [toAddress(10n), toAddress(20n)]

  test('refuses a stranger, and takes in whoever would be a neighbour', () => {
    assert.equal(admission.admits(linkTo(toAddress(500n))), false)
    assert.equal(admission.admits(linkTo(toAddress(15n))), true)
    assert.equal(admission.admits(linkTo(toAddress(-5n))), true)
  })

  test('keeps links that it asked for, and a new link to whoever is linked already', () => {
    assert.equal(admission.admits(linkTo(toAddress(500n), true)), true)
    assert.equal(admission.admits(linkTo(toAddress(1_000n))), true)
  })
})

describe('a linked node', () => {
  test('is heard at a rate, a wanted one at a higher one, and again after a pause', async () => {
    const { clock, peers, admission } = setUp()
    const stranger = peers.add(linkTo(toAddress(1n)))!
    const friend = peers.add(linkTo(toAddress(2n)))!
    friend.roles.add('far')
    const burst = STRANGER_FRAMES_PER_S * BURST_S
    for (let i = 0; i < burst; i++) assert.ok(admission.hears(stranger) && admission.hears(friend))
    assert.equal(admission.hears(stranger), false)
    assert.equal(admission.hears(friend), true)
    assert.equal(admission.dropped, 1)
    await clock.runFor(100)
    for (let i = 0; i < STRANGER_FRAMES_PER_S / 10; i++) assert.equal(admission.hears(stranger), true)
    assert.equal(admission.hears(stranger), false)
  })
})
