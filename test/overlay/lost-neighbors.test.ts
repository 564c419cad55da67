import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BEAT_MS } from '../../agent/core/vigil.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import type { Connector } from '../../agent/overlay/connector.ts'
import { LOST_KEPT_MS, LOST_RETRY_MAX_MS } from '../../agent/overlay/constants.ts'
import { LostNeighbors } from '../../agent/overlay/lost-neighbors.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

const NEIGHBOR = { address: toAddress(1n), endpoints: ['somewhere'] }

function setUp() {
  const clock = new VirtualClock()
  const dialledAt: number[] = []
  let linked = false
  const connector = {
    isTrying: () => false,
    connect: async () => {
      dialledAt.push(clock.now())
      throw new Error('silent')
    },
  } as unknown as Connector
  const lost = new LostNeighbors({ clock, connector, isLinked: () => linked })
  const link = () => {
    linked = true
  }
  const pass = async (ms: number) => {
    for (const end = clock.now() + ms; clock.now() < end; ) {
      await clock.runFor(BEAT_MS)
      lost.retry()
    }
  }
  return { clock, lost, dialledAt, link, pass }
}

test('a neighbour that went silent is dialled again and again for a quarter of an hour, at least every some seconds', async () => {
  const { lost, dialledAt, pass } = setUp()
  lost.remember(NEIGHBOR)
  await pass(2 * LOST_KEPT_MS)
  const pauses = dialledAt.map((at, i) => at - (dialledAt[i - 1] ?? 0))
  assert.ok(Math.max(...pauses) <= LOST_RETRY_MAX_MS * 1.5 + BEAT_MS)
  assert.ok(dialledAt.at(-1)! > LOST_KEPT_MS - 2 * LOST_RETRY_MAX_MS && dialledAt.at(-1)! <= LOST_KEPT_MS)
})

test('a neighbour that is linked again is dialled no more', async () => {
  const { lost, dialledAt, link, pass } = setUp()
  lost.remember(NEIGHBOR)
  await pass(LOST_RETRY_MAX_MS)
  const before = dialledAt.length
  link()
  await pass(LOST_KEPT_MS)
  assert.ok(before > 0)
  assert.equal(dialledAt.length, before)
})
