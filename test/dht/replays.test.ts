import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sha256, utf8 } from '../../agent/core/bytes.ts'
import { answer, Challenges } from '../../agent/dht/challenges.ts'
import {
  CHALLENGE_MS,
  CLAIM_TTL_MS,
  ENDING_MS,
  ENDINGS_REMEMBERED,
  KEPT_LONGER,
  TOMBSTONE_MS,
} from '../../agent/dht/constants.ts'
import { Endings } from '../../agent/dht/endings.ts'
import { holderOf } from '../../agent/dht/proof.ts'
import { subKeyOf } from '../../agent/dht/sub-keys.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { ALICE, create, KEY, offered, recreate, remove } from './samples.ts'
import { hand, LINK, moving, SUB_KEY, setUp } from './stores.ts'

const HOUR = 3_600_000
const STRANGER = toAddress(66n)

describe('a change that somebody else brings again after it ended', () => {
  test('is challenged, whether its time was over or its holder gave it back', async () => {
    const { clock, store, apply } = setUp()
    const lease = create('former owner', { ttlMs: 12 * HOUR })
    assert.equal(apply(lease), 'ok')
    await clock.runFor(13 * HOUR)
    assert.equal(store.apply(lease, STRANGER), 'challenged')
    const next = create('next owner', { ttlMs: 12 * HOUR })
    assert.equal(apply(next), 'ok')
    assert.equal(apply(remove('next owner')), 'ok')
    await clock.runFor(12 * HOUR * KEPT_LONGER + TOMBSTONE_MS)
    for (const old of [lease, next]) assert.equal(store.apply(old, STRANGER), 'challenged')
    assert.equal(store.get(SUB_KEY), undefined)
  })

  test('keeps a key from others once in an hour where it was a claim, and for no more than a minute', async () => {
    const { clock, store } = setUp()
    const claims = ['a', 'b', 'c'].map((password) => create(password, { ttlMs: CLAIM_TTL_MS }))
    const replay = () => claims.map((claim) => store.apply(claim, STRANGER))
    assert.deepEqual(replay(), ['ok', 'taken', 'taken'])
    await clock.runFor(CLAIM_TTL_MS * KEPT_LONGER)
    assert.deepEqual(replay(), ['challenged', 'challenged', 'challenged'])
    assert.equal(store.apply(create('honest', { ttlMs: 1_000 }), ALICE, clock.now()), 'ok', 'who answers gets it')
    await clock.runFor(ENDING_MS)
    assert.deepEqual(replay(), ['challenged', 'challenged', 'challenged'], 'the honest one ended later')
    await clock.runFor(2_000)
    assert.deepEqual(replay(), ['ok', 'taken', 'taken'])
  })

  test('is no renewal of a claim that nobody answered for', async () => {
    const { clock, store } = setUp()
    const [claim, renewal] = [create('a', { ttlMs: CLAIM_TTL_MS }), recreate('a', 'a', { ttlMs: 12 * HOUR })]
    const again = recreate('a', 'a', { ttlMs: CLAIM_TTL_MS })
    assert.equal(store.apply(claim, STRANGER), 'ok')
    assert.equal(store.apply(renewal, STRANGER), 'challenged')
    assert.equal(store.apply(again, STRANGER), 'challenged')
    await clock.runFor(CLAIM_TTL_MS * KEPT_LONGER)
    assert.equal(store.get(SUB_KEY), undefined)
  })

  test('lasts as long as a claim where it is offered, and comes back from there no more', async () => {
    const [one, other] = [setUp(), setUp()]
    one.apply(create('a', { ttlMs: 12 * HOUR }))
    hand(one.store, other.store, false)
    assert.notEqual(other.store.get(SUB_KEY), undefined)
    await other.clock.runFor(CLAIM_TTL_MS * KEPT_LONGER)
    assert.equal(other.store.get(SUB_KEY), undefined)
    assert.equal(hand(one.store, other.store, false).kept, false)
    assert.equal(hand(one.store, other.store, true).kept, true, 'a replica of the key knows that it is none')
  })

  test('does not count for its whole time because it was offered a moment before it came', () => {
    const [one, other] = [setUp(), setUp()]
    const lease = create('a', { ttlMs: 12 * HOUR })
    one.apply(lease)
    hand(one.store, other.store, false)
    assert.equal(other.store.apply(lease, LINK), 'challenged')
    assert.equal(other.apply(lease), 'ok')
    assert.ok(other.store.ttlOf(other.store.get(SUB_KEY)!) > 12 * HOUR)
  })

  test('adds nothing to a claim by being offered with the next serial', async () => {
    const { clock, store } = setUp()
    store.apply(create('a', { ttlMs: CLAIM_TTL_MS }), STRANGER)
    await clock.runFor(CLAIM_TTL_MS / 2)
    const elsewhere = setUp()
    elsewhere.apply(recreate('a', 'a', { ttlMs: 12 * HOUR }))
    assert.equal(hand(elsewhere.store, store, false).kept, true)
    await clock.runFor(CLAIM_TTL_MS * (KEPT_LONGER - 0.5))
    assert.equal(store.get(SUB_KEY), undefined)
  })

  test('and offers of it with less time do not shorten what its holder asks for', () => {
    for (const ttlMs of [CLAIM_TTL_MS, 12 * HOUR]) {
      const [owner, replica] = [setUp(), setUp()]
      const first = create('a', { ttlMs })
      for (const { apply } of [owner, replica]) apply(first)
      const renewal = recreate('a', 'a', { ttlMs })
      owner.apply(renewal)
      const brief = { ...offered(moving(owner.store)), ttlMs: 50 }
      assert.equal(replica.store.merge(brief, STRANGER, false).kept, true)
      assert.ok(replica.store.ttlOf(replica.store.get(SUB_KEY)!) >= ttlMs, 'no earlier than before')
      assert.equal(replica.apply(renewal), 'ok')
      assert.ok(replica.store.ttlOf(replica.store.get(SUB_KEY)!) >= ttlMs)
    }
    const replica = setUp()
    const claim = create('a', { ttlMs: CLAIM_TTL_MS })
    const brief = { proven: claim, ttlMs: 50, ageMs: 0, accepted: false, fresh: false, follows: undefined }
    assert.equal(replica.store.merge(brief, STRANGER, false).kept, true)
    assert.equal(replica.store.apply(claim, LINK), 'ok')
    assert.ok(replica.store.ttlOf(replica.store.get(SUB_KEY)!) >= CLAIM_TTL_MS)
  })

  test('does not come back over the tombstone that a stranger made', async () => {
    const { clock, store, apply } = setUp()
    const lease = create('a', { ttlMs: 12 * HOUR })
    apply(lease)
    const kept = offered(moving(store))
    await clock.runFor(13 * HOUR)
    assert.equal(store.get(SUB_KEY), undefined)
    assert.equal(store.apply(remove('stranger'), STRANGER), 'missing')
    assert.equal(store.merge(kept, STRANGER, false).kept, false)
  })

  test('does not come back with the answer of its holder, whoever deleted something since', async () => {
    const { clock, store } = setUp()
    const drawnAt = clock.now()
    const lease = create('a', { ttlMs: 12 * HOUR })
    assert.equal(store.apply(lease, LINK, drawnAt), 'ok')
    await clock.runFor(10_000)
    assert.equal(store.apply(remove('a'), LINK), 'ok')
    for (const password of ['x', 'y']) {
      store.apply(create(password, { ttlMs: CLAIM_TTL_MS }), STRANGER, clock.now())
      store.apply(remove(password), STRANGER)
    }
    assert.equal(store.apply(lease, STRANGER, drawnAt), 'challenged')
  })

  test('gives way to an entry whose holder answered, when both meet', async () => {
    const [one, other] = [setUp(), setUp()]
    one.store.apply(create('a', { ttlMs: CLAIM_TTL_MS }), STRANGER)
    await one.clock.runFor(30_000)
    other.apply(create('b', { ttlMs: HOUR, publisher: toAddress(7n) }))
    assert.equal(hand(other.store, one.store).kept, true)
  })

  test('is no fresher at the replica that it is handed to', () => {
    const [one, other] = [setUp(), setUp()]
    one.store.apply(create('a', { ttlMs: CLAIM_TTL_MS }), STRANGER)
    hand(one.store, other.store)
    assert.equal(other.store.isFresh(SUB_KEY), false)
  })
})

describe('a challenge', () => {
  const holder = holderOf(KEY, utf8('a'))
  const setUpChallenges = (seed = 1) => {
    const clock = new VirtualClock()
    return { clock, challenges: new Challenges({ clock, random: new SeededRandom(seed) }) }
  }

  test('is answered by the holder, for one change, at one sub-key, to who drew it', () => {
    const [{ challenges }, another] = [setUpChallenges(), setUpChallenges(2)]
    const change = create('a')
    const drawn = challenges.draw(change.subKey, holder.publicKey)
    const response = answer(change.change, [drawn], holder)
    assert.notEqual(challenges.answeredAt(change, response), undefined)
    const answered = [
      challenges.answeredAt(change, undefined),
      challenges.answeredAt(change, { ...response, challenges: [] }),
      challenges.answeredAt(change, { ...response, challenges: [drawn, drawn] }),
      challenges.answeredAt(change, answer(change.change, [drawn], holderOf(KEY, utf8('b')))),
      challenges.answeredAt(change, answer(change.change, [{ ...drawn, at: drawn.at + 1 }], holder)),
      challenges.answeredAt(create('a'), response),
      challenges.answeredAt({ ...change, subKey: subKeyOf(KEY, 1) }, response),
      another.challenges.answeredAt(change, response),
    ]
    assert.deepEqual(answered, Array(answered.length).fill(undefined))
  })

  test('is answered in time or not at all', async () => {
    const { clock, challenges } = setUpChallenges()
    const change = create('a')
    const response = answer(change.change, [challenges.draw(change.subKey, holder.publicKey)], holder)
    await clock.runFor(CHALLENGE_MS - 1)
    assert.notEqual(challenges.answeredAt(change, response), undefined)
    await clock.runFor(1)
    assert.equal(challenges.answeredAt(change, response), undefined)
  })

  test('that was drawn before the entry ended does not bring it back', async () => {
    const { clock, store } = setUp()
    const brief = create('a', { ttlMs: 1_000 })
    const drawnAt = clock.now()
    assert.equal(store.apply(brief, LINK, drawnAt), 'ok')
    await clock.runFor(1_000 * KEPT_LONGER)
    assert.equal(store.apply(brief, STRANGER, drawnAt), 'challenged')
  })
})

test('the ends of entries are remembered for an hour, and only so many', async () => {
  const clock = new VirtualClock()
  const endings = new Endings(clock)
  const key = (i: number) => subKeyOf(sha256(utf8(`${i}`)), 0)
  for (let i = 0; i <= ENDINGS_REMEMBERED; i++) endings.add(key(i), clock.now())
  assert.equal(endings.of(key(0)), undefined)
  assert.notEqual(endings.of(key(1)), undefined)
  await clock.runFor(ENDING_MS)
  endings.add(key(0), clock.now())
  assert.equal(endings.of(key(1)), undefined)
})
