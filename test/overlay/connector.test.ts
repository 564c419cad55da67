import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toAddress } from '../../agent/overlay/address.ts'
import { Connector } from '../../agent/overlay/connector.ts'
import { MAX_DIAL_BACKS } from '../../agent/overlay/constants.ts'
import type { Link, LinkLayer } from '../../agent/overlay/link.ts'
import type { Router } from '../../agent/overlay/router.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

test('a stranger who asks to be dialled at made-up addresses has few dialled at a time, and more when those have ended', async () => {
  const clock = new VirtualClock()
  let dials = 0
  const dial = (_contact: unknown, signal?: AbortSignal): Promise<Link> => {
    dials++
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('time-out'))))
  }
  const connector = new Connector({
    ...{ clock, links: { self: toAddress(1n), dial } as unknown as LinkLayer, router: {} as Router },
    adopt: () => {},
    linkTo: () => undefined,
  })
  const askMany = (from: bigint) => {
    for (let i = from; i < from + 1_000n; i++) connector.onDialBack({ address: toAddress(i), endpoints: ['somebody'] })
  }
  askMany(10n)
  assert.equal(dials, MAX_DIAL_BACKS)
  await clock.runFor(60_000)
  askMany(2_000n)
  assert.equal(dials, 2 * MAX_DIAL_BACKS)
})
