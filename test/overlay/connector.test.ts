import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../agent/core/codec.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import { Connector } from '../../agent/overlay/connector.ts'
import { MAX_DIAL_BACKS, MAX_DIAL_BACKS_PER_LINK } from '../../agent/overlay/constants.ts'
import type { Contact, Link, LinkLayer } from '../../agent/overlay/link.ts'
import { ringRequestCodec } from '../../agent/overlay/messages.ts'
import type { Peer } from '../../agent/overlay/peers.ts'
import type { Router } from '../../agent/overlay/router.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { linkTo } from './link-to.ts'

const NOBODY = { get: () => undefined, relaysFor: () => [] }
const NEVER = { gaveUpMs: () => 0 }

test('who asks to be dialled at made-up addresses has few dialled at a time, leaves room for others, and has more dialled when those have ended', async () => {
  const clock = new VirtualClock()
  let dials = 0
  const dial = (_contact: unknown, signal?: AbortSignal): Promise<Link> => {
    dials++
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('time-out'))))
  }
  const connector = new Connector({
    ...{ clock, links: { self: toAddress(1n), dial } as unknown as LinkLayer, router: {} as Router, givenUp: NEVER },
    adopt: () => {},
    peers: NOBODY,
  })
  const askMany = (from: bigint, via: bigint) => {
    for (let i = from; i < from + 1_000n; i++) {
      connector.onDialBack({ address: toAddress(i), endpoints: ['somebody'] }, toAddress(via))
    }
  }
  askMany(10n, 2n)
  assert.equal(dials, MAX_DIAL_BACKS_PER_LINK)
  for (let via = 3n; via < 100n; via++) askMany(10n, via)
  assert.equal(dials, MAX_DIAL_BACKS)
  await clock.runFor(60_000)
  askMany(2_000n, 2n)
  assert.equal(dials, MAX_DIAL_BACKS + MAX_DIAL_BACKS_PER_LINK)
})

test('a node dials back a peer to which a better link may be had, and no other that it is linked to', () => {
  const dialled: unknown[] = []
  const dialBetter = async ({ address }: Contact): Promise<Link> => {
    dialled.push(address)
    throw new Error('no answer')
  }
  const [far, near] = [toAddress(2n), toAddress(3n)]
  const connector = new Connector({
    ...{ clock: new VirtualClock(), router: {} as Router, givenUp: NEVER, adopt: () => {} },
    links: { self: toAddress(1n), isImprovable: ({ relayed }: Link) => relayed, dialBetter } as unknown as LinkLayer,
    peers: {
      get: (peer) => ({ link: Object.assign(linkTo(peer), { relayed: peer === far }) }) as Peer,
      relaysFor: () => [],
    },
  })
  for (const address of [far, near]) connector.onDialBack({ address, endpoints: ['somewhere'] }, address)
  assert.deepEqual(dialled, [far])
})

test('a punch dials a peer, and has it dial at the same moment', async () => {
  const dialled: unknown[] = []
  const asked: unknown[] = []
  const dialBetter = async ({ address }: Contact): Promise<Link> => {
    dialled.push(address)
    return linkTo(address, true)
  }
  const adopted: unknown[] = []
  const peer = toAddress(2n)
  const connector = new Connector({
    ...{ clock: new VirtualClock(), adopt: (link: Link) => adopted.push(link.peer), peers: NOBODY, givenUp: NEVER },
    links: { self: toAddress(1n), endpoints: () => ['here'], dialBetter } as unknown as LinkLayer,
    router: { request: async (_service: unknown, target: unknown) => asked.push(target) } as unknown as Router,
  })
  await connector.punch({ address: peer, endpoints: ['there'] }, linkTo(peer))
  assert.deepEqual([dialled, asked, adopted], [[peer], [peer], [peer]])
})

test('a node that answers nothing itself is reached through a peer that is linked to it, and those that are not say so', async () => {
  const tried: unknown[] = []
  const adopted: unknown[] = []
  const [peer, other, relay] = [toAddress(2n), toAddress(3n), toAddress(4n)]
  const never = (_contact: unknown, signal?: AbortSignal): Promise<Link> =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('time-out'))))
  const dialThrough = async (through: unknown): Promise<Link> => {
    tried.push(through)
    if (through !== relay) throw new Error('no link to that node')
    return linkTo(peer, true)
  }
  const clock = new VirtualClock()
  const links = { self: toAddress(1n), endpoints: () => [], isGuarded: () => false, dial: never, dialThrough }
  const connector = new Connector({
    ...{ clock, adopt: (link: Link) => adopted.push(link.peer), router: {} as Router, givenUp: NEVER },
    links: links as unknown as LinkLayer,
    peers: { get: () => undefined, relaysFor: () => [other, relay] },
  })
  const connecting = connector.connect(peer, undefined, { address: peer, endpoints: ['there'] })
  await clock.runFor(1_500)
  await connecting
  assert.deepEqual([tried, adopted], [[other, relay], [peer]])
})

test('a node whose link has fallen silent is tried by every way at once', async () => {
  const peer = toAddress(2n)
  const begun: string[] = []
  const never = (way: string) => () => {
    begun.push(way)
    return new Promise<never>(() => {})
  }
  const clock = new VirtualClock()
  const links = { self: toAddress(1n), endpoints: () => ['here'], isGuarded: () => false }
  const connector = new Connector({
    ...{ clock, adopt: () => {}, givenUp: { gaveUpMs: () => 3_000 } },
    links: { ...links, dial: never('dial'), dialThrough: never('through') } as unknown as LinkLayer,
    router: { request: never('dial back') } as unknown as Router,
    peers: { get: () => undefined, relaysFor: () => [toAddress(3n)] },
  })
  void connector.connect(peer, undefined, { address: peer, endpoints: ['there'] })
  await clock.runFor(1)
  assert.deepEqual(begun.sort(), ['dial', 'dial back', 'through'])
})

test('a node that is to be dialled tells where it is reached now as soon as that changes, and nothing once it is linked', async () => {
  const peer = toAddress(2n)
  const told: unknown[] = []
  let endpoints = ['inside']
  const never = (): Promise<Link> => new Promise(() => {})
  const links = { self: toAddress(1n), endpoints: () => endpoints, isGuarded: () => true, dial: never }
  const router = {
    request: async (_service: unknown, _target: unknown, body: Uint8Array) => {
      const request = decode(ringRequestCodec, body)
      if (request.kind === 'dialBack') told.push(request.asker.endpoints)
    },
  }
  const clock = new VirtualClock()
  const connector = new Connector({
    ...{ clock, adopt: () => {}, givenUp: NEVER, peers: NOBODY },
    links: links as unknown as LinkLayer,
    router: router as unknown as Router,
  })
  const connecting = connector.connect(peer, undefined, { address: peer, endpoints: ['there'] })
  await clock.runFor(100)
  endpoints = ['inside', 'through a relay']
  connector.askAgain()
  await clock.runFor(100)
  connector.onLinked(peer)
  await connecting
  connector.askAgain()
  assert.deepEqual(told, [['inside'], ['inside', 'through a relay']])
})
