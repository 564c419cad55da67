import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toAddress } from '../../agent/overlay/address.ts'
import { Connector } from '../../agent/overlay/connector.ts'
import { MAX_DIAL_BACKS } from '../../agent/overlay/constants.ts'
import type { Contact, Link, LinkLayer } from '../../agent/overlay/link.ts'
import type { Router } from '../../agent/overlay/router.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { linkTo } from './link-to.ts'

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

test('a node dials back a peer that it is linked to through a third one, and none that it is linked to directly', () => {
  const dialled: unknown[] = []
  const dialDirect = async ({ address }: Contact): Promise<Link> => {
    dialled.push(address)
    throw new Error('no answer')
  }
  const [far, near] = [toAddress(2n), toAddress(3n)]
  const connector = new Connector({
    ...{ clock: new VirtualClock(), router: {} as Router, adopt: () => {} },
    links: { self: toAddress(1n), dialDirect } as unknown as LinkLayer,
    linkTo: (peer) => Object.assign(linkTo(peer), { relayed: peer === far }),
  })
  for (const address of [far, near]) connector.onDialBack({ address, endpoints: ['somewhere'] })
  assert.deepEqual(dialled, [far])
})

test('a punch dials a peer, and has it dial at the same moment', async () => {
  const dialled: unknown[] = []
  const asked: unknown[] = []
  const dialDirect = async ({ address }: Contact): Promise<Link> => {
    dialled.push(address)
    return linkTo(address, true)
  }
  const adopted: unknown[] = []
  const peer = toAddress(2n)
  const connector = new Connector({
    ...{ clock: new VirtualClock(), adopt: (link: Link) => adopted.push(link.peer), linkTo: () => undefined },
    links: { self: toAddress(1n), endpoints: () => ['here'], dialDirect } as unknown as LinkLayer,
    router: { request: async (_service: unknown, target: unknown) => asked.push(target) } as unknown as Router,
  })
  await connector.punch({ address: peer, endpoints: ['there'] })
  assert.deepEqual([dialled, asked, adopted], [[peer], [peer], [peer]])
})
