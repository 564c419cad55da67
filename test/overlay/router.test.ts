import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EMPTY } from '../../agent/core/bytes.ts'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import { HOP_LIMIT, MAX_FORWARDED_ANSWER, MAX_FORWARDS_PER_LINK } from '../../agent/overlay/constants.ts'
import type { Priority } from '../../agent/overlay/link.ts'
import type { Frame, FrameOf } from '../../agent/overlay/messages.ts'
import { Peers } from '../../agent/overlay/peers.ts'
import { Router } from '../../agent/overlay/router.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { linkTo } from './link-to.ts'

const [STRANGER, MEMBER, HOP, TARGET] = [5n, 6n, 100n, 101n].map(toAddress) as [Address, Address, Address, Address]

interface Sent {
  readonly to: Address
  readonly frame: Frame
  readonly priority: Priority | undefined
}

/** A node whose way to TARGET is over HOP. */
function routing() {
  const clock = new VirtualClock()
  const self = toAddress(1n)
  const peers = new Peers(self, clock)
  for (const address of [STRANGER, MEMBER, HOP]) peers.add(linkTo(address))
  for (const address of [MEMBER, HOP]) {
    peers.get(address)!.status = {
      kind: 'status',
      epoch: 1,
      serial: 1,
      wanted: true,
      joined: true,
      left: [],
      right: [],
    }
  }
  const sent: Sent[] = []
  const router = new Router({
    ...{ self, peers, clock, onSilence: () => {}, onFault: () => {} },
    isChosen: (address) => address === HOP,
    send: (to, frame, priority) => sent.push({ to, frame, priority }) > 0,
  })
  const ask = (from: Address, hops = 1) => {
    const request = { kind: 'request', id: 9, source: from, target: TARGET, delivery: 'closest', service: 1 } as const
    router.onRequest(from, { ...request, hops, patienceMs: 3_000, body: EMPTY })
  }
  const shun = (peer: Address) => peers.shun(peer)
  const forwarded = () => sent.filter(({ to, frame }) => to === HOP && frame.kind === 'request')
  const answered = (to: Address) => sent.filter((one) => one.to === to).map(({ frame }) => frame)
  return { clock, router, ask, shun, forwarded, answered }
}

const answer = (id: number, body: Uint8Array): FrameOf<'answer'> => ({
  ...{ kind: 'answer', id, from: TARGET, hops: 2, body },
})
const idOf = ({ frame }: Sent): number => (frame as FrameOf<'request'>).id

describe('a forwarded request', () => {
  test('is answered by the node that it went to, and by nobody else who guesses its number', () => {
    const { router, ask, forwarded, answered } = routing()
    ask(MEMBER)
    const id = idOf(forwarded()[0]!)
    router.onAnswer(STRANGER, answer(id, Uint8Array.of(66)))
    router.onFailure(STRANGER, { kind: 'failure', id, failure: 'refused', detail: '' })
    assert.deepEqual(answered(MEMBER), [])
    router.onAnswer(HOP, answer(id, Uint8Array.of(1)))
    assert.deepEqual(answered(MEMBER), [answer(9, Uint8Array.of(1))])
  })

  test('takes up room only as long as it waits for its answer', () => {
    const { router, ask, forwarded } = routing()
    for (let i = 0; i < 2 * MAX_FORWARDS_PER_LINK; i++) {
      ask(MEMBER)
      router.onAnswer(HOP, answer(idOf(forwarded().at(-1)!), EMPTY))
    }
    assert.equal(forwarded().length, 2 * MAX_FORWARDS_PER_LINK)
    for (let i = 0; i < 2 * MAX_FORWARDS_PER_LINK; i++) ask(MEMBER)
    assert.equal(forwarded().length, 3 * MAX_FORWARDS_PER_LINK)
  })

  test('goes to no node that is shunned', () => {
    const { ask, shun, forwarded } = routing()
    shun(HOP)
    ask(MEMBER)
    assert.equal(forwarded().length, 0)
  })

  test('ends after so many hops', () => {
    const { ask, forwarded, answered } = routing()
    ask(MEMBER, HOP_LIMIT)
    assert.equal(forwarded().length, 0)
    const [failure] = answered(MEMBER)
    assert.ok(failure?.kind === 'failure' && failure.failure === 'no-route')
  })

  test('brings back no answer that is larger than any honest one', () => {
    const { router, ask, forwarded, answered } = routing()
    ask(MEMBER)
    router.onAnswer(HOP, answer(idOf(forwarded()[0]!), new Uint8Array(MAX_FORWARDED_ANSWER + 1)))
    const [failure] = answered(MEMBER)
    assert.ok(failure?.kind === 'failure' && failure.failure === 'no-answer')
  })

  test('of a stranger is what a full link drops first', () => {
    const { ask, forwarded } = routing()
    ask(STRANGER)
    ask(MEMBER)
    assert.deepEqual(
      forwarded().map(({ priority }) => priority),
      ['bulk', 'control'],
    )
  })
})

describe('a request to a linked node', () => {
  /** Asks HOP `times` times, which never answers; returns how long each was waited for, ms. */
  async function askInVain({ clock, router }: ReturnType<typeof routing>, times: number): Promise<number[]> {
    const waited: number[] = []
    for (let i = 0; i < times; i++) {
      const since = clock.now()
      const request = router.request(1, HOP, EMPTY, { delivery: 'exact', timeoutMs: 800 })
      await assert.rejects(clock.complete(request, 20_000))
      waited.push(clock.now() - since)
    }
    return waited
  }

  test('is waited for no longer after others were lost: where a line loses much, many tries are what helps', async () => {
    const waited = await askInVain(routing(), 8)
    assert.deepEqual(waited, Array(8).fill(waited[0]))
    assert.ok(waited[0]! < 1_000)
  })

  test('is waited for longer once an answer came too late, which says how long the node needs', async () => {
    const node = routing()
    const [before = 0] = await askInVain(node, 1)
    await node.clock.runFor(400)
    node.router.onAnswer(STRANGER, answer(idOf(node.forwarded()[0]!), EMPTY))
    assert.deepEqual(await askInVain(node, 1), [before], 'nobody else can say so')
    node.router.onAnswer(HOP, answer(idOf(node.forwarded()[1]!), EMPTY))
    await node.clock.runFor(1_200)
    node.router.onAnswer(HOP, answer(idOf(node.forwarded()[0]!), EMPTY))
    const [after = 0] = await askInVain(node, 1)
    assert.ok(after > 1_200, `${after} ms`)
  })
})
