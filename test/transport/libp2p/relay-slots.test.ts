import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { SILENT } from '../../../agent/core/log.ts'
import { RESERVE_AGAIN_AFTER_MS } from '../../../agent/transport/constants.ts'
import type { ReservationStore } from '../../../agent/transport/libp2p/node.ts'
import { RelaySlots } from '../../../agent/transport/libp2p/relay-slots.ts'
import { VirtualClock } from '../../../sim/virtual-clock.ts'

describe('slots at relays', () => {
  let clock: VirtualClock
  let slots: RelaySlots
  /** Which relay was asked, and when, ms. */
  let asked: [relay: string, at: number][]
  let full: Set<string>
  let linked: Connection[]

  beforeEach(() => {
    clock = new VirtualClock()
    asked = []
    full = new Set()
    linked = []
    const store = Object.assign(new EventTarget(), {
      addRelay: async (relay: unknown) => {
        asked.push([String(relay), clock.now()])
        if (full.has(String(relay))) throw new Error('no room')
      },
    })
    slots = new RelaySlots({
      ...{ store: store as unknown as ReservationStore, clock, log: SILENT, self: 'self' },
      candidates: () => linked,
      changed: () => {},
    })
  })

  function link(name: string): void {
    const remoteAddr = multiaddr('/ip4/198.51.100.1/tcp/4001')
    linked.push({ id: name, status: 'open', remotePeer: { toString: () => name }, remoteAddr } as unknown as Connection)
    slots.linkOpened()
  }

  test('are asked for as soon as there is a link', async () => {
    link('one')
    await clock.runFor(10)
    assert.deepEqual(asked, [['one', 0]])
    assert.equal(slots.endpoints().length, 1)
  })

  test('are asked for at the next node at once when one has refused, which is asked again later', async () => {
    full.add('full')
    link('full')
    await clock.runFor(50)
    link('other')
    await clock.runFor(50)
    assert.deepEqual(asked, [
      ['full', 0],
      ['other', 50],
    ])
    await clock.runFor(2 * RESERVE_AGAIN_AFTER_MS)
    const again = asked.filter(([relay]) => relay === 'full').map(([, at]) => at)
    assert.ok(again.length >= 2 && again[1]! >= RESERVE_AGAIN_AFTER_MS, `asked at ${again}`)
  })
})
