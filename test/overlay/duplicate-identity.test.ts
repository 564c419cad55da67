import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { equal, sha256, utf8 } from '../../agent/core/bytes.ts'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import { DuplicateIdentity } from '../../agent/overlay/duplicate-identity.ts'
import type { Link } from '../../agent/overlay/link.ts'
import type { Frame } from '../../agent/overlay/messages.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

const TWIN = toAddress(1n)
const WITNESS = toAddress(2n)

/** One run of a node: what it hears comes in over `receive`. */
class Run {
  readonly address: Address
  readonly duplicates: DuplicateIdentity
  readonly heard: Frame[] = []
  gaveUp = 0
  readonly #other = new Map<Link, { readonly run: Run; readonly link: Link }>()

  constructor(address: Address, key: string, seed: number, clock: VirtualClock) {
    const prove = (nonce: Uint8Array) => sha256(utf8(key), nonce)
    this.address = address
    this.duplicates = new DuplicateIdentity({
      ...{ clock, random: new SeededRandom(seed), prove },
      isOwnProof: (nonce, proof) => equal(prove(nonce), proof),
      send: (link, frame) => this.send(link, frame),
      onTwin: () => this.gaveUp++,
    })
  }

  /** A link between two runs; its two ends. */
  link(run: Run): readonly [mine: Link, theirs: Link] {
    const mine = { peer: run.address } as Link
    const theirs = { peer: this.address } as Link
    this.#other.set(mine, { run, link: theirs })
    run.#other.set(theirs, { run: this, link: mine })
    this.duplicates.onLink(mine)
    run.duplicates.onLink(theirs)
    return [mine, theirs]
  }

  send(link: Link, frame: Frame): void {
    const other = this.#other.get(link)
    assert.ok(other)
    other.run.#receive(other.link, frame)
  }

  #receive(link: Link, frame: Frame): void {
    this.heard.push(frame)
    const { duplicates } = this
    if (frame.kind === 'ping') this.send(link, { kind: 'pong', seen: 0 })
    if (frame.kind === 'pong') duplicates.onPong(link)
    if (frame.kind === 'twin') duplicates.onTold(link)
    if (frame.kind === 'twinChallenge') duplicates.onChallenge(link, frame.nonce)
    if (frame.kind === 'twinProve') duplicates.onProve(link, frame.nonce)
    if (frame.kind === 'twinProof') duplicates.onProof(frame.nonce, frame.proof)
  }
}

function runs() {
  const clock = new VirtualClock()
  const original = new Run(TWIN, 'key', 1, clock)
  const copy = new Run(TWIN, 'key', 2, clock)
  const witness = new Run(WITNESS, 'key of the witness', 3, clock)
  return { clock, original, copy, witness }
}

/** The witness links to the original, then to the copy, and hears the status of each. */
function meet({ original, copy, witness }: ReturnType<typeof runs>): void {
  const [toOriginal] = witness.link(original)
  witness.duplicates.onStatus(toOriginal, 100)
  const [toCopy] = witness.link(copy)
  witness.duplicates.onStatus(toCopy, 200)
}

describe('two nodes with one identity', () => {
  test('meet at a witness: the later one gives the identity up, the earlier one keeps it', () => {
    const all = runs()
    meet(all)
    assert.deepEqual([all.original.gaveUp, all.copy.gaveUp], [0, 1])
  })

  test('stay as they are when the later one has been on the ring for long', async () => {
    const all = runs()
    const elsewhere = new Run(toAddress(9n), 'another key', 9, all.clock)
    all.copy.link(elsewhere)
    await all.clock.runFor(6 * 60_000)
    meet(all)
    assert.deepEqual([all.original.gaveUp, all.copy.gaveUp], [0, 0])
  })
})

describe('a stranger who says that a node has a twin', () => {
  test('is asked for a proof, and believed without one by nobody', () => {
    const { clock, original } = runs()
    const stranger = new Run(toAddress(66n), 'key of the stranger', 66, clock)
    const [toVictim] = stranger.link(original)
    stranger.send(toVictim, { kind: 'twin' })
    const challenge = stranger.heard.find(({ kind }) => kind === 'twinChallenge')
    assert.ok(challenge?.kind === 'twinChallenge')
    const { nonce } = challenge
    stranger.send(toVictim, { kind: 'twinProof', nonce, proof: sha256(utf8('key of the stranger'), nonce) })
    assert.equal(original.gaveUp, 0)
  })

  test('cannot have the node prove its twin itself, over whichever link he asks', () => {
    const { clock, original } = runs()
    const [one, other] = [66n, 67n].map((n) => new Run(toAddress(n), `key ${n}`, Number(n), clock))
    assert.ok(one && other)
    const [fromOne] = one.link(original)
    const [fromOther] = other.link(original)
    one.send(fromOne, { kind: 'twin' })
    const challenge = one.heard.find(({ kind }) => kind === 'twinChallenge')
    assert.ok(challenge?.kind === 'twinChallenge')
    const { nonce } = challenge
    for (const [stranger, link] of [
      [one, fromOne],
      [other, fromOther],
    ] as const) {
      stranger.send(link, { kind: 'twinProve', nonce })
      for (const frame of stranger.heard) if (frame.kind === 'twinProof') stranger.send(link, frame)
    }
    assert.equal(original.gaveUp, 0)
  })

  test('does not make it sign as often as he likes', () => {
    const { clock, original } = runs()
    const stranger = new Run(toAddress(66n), 'key of the stranger', 66, clock)
    const [toVictim] = stranger.link(original)
    const random = new SeededRandom(5)
    for (let i = 0; i < 100; i++) stranger.send(toVictim, { kind: 'twinProve', nonce: random.bytes(16) })
    assert.equal(stranger.heard.filter(({ kind }) => kind === 'twinProof').length, 1)
  })
})
