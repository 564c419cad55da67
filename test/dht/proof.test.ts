import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hex, sha256, utf8 } from '../../agent/core/bytes.ts'
import { DecodeError, decode, encode } from '../../agent/core/codec.ts'
import { type Change, changeCodec, statementCodec } from '../../agent/dht/messages.ts'
import { holderOf, prove } from '../../agent/dht/proof.ts'
import { subKeyOf, subKeysOf } from '../../agent/dht/sub-keys.ts'
import { corruptions, KEY, PLACES, signed } from './samples.ts'

function provenBytes(bytes: Uint8Array): boolean {
  try {
    return prove(0, decode(changeCodec, bytes)) !== undefined
  } catch (error) {
    if (error instanceof DecodeError) return false
    throw error
  }
}

describe('a signed change', () => {
  test('holds at the sub-keys of its key, and stands for no other', () => {
    const change = signed('create', 'a')
    assert.deepEqual(
      PLACES.map((place) => prove(place, change)?.subKey),
      subKeysOf(KEY),
    )
    const elsewhere = { ...change, statement: { ...change.statement, key: utf8('another key') } }
    assert.equal(prove(0, elsewhere), undefined)
  })

  test('does not hold when any byte of it is another', () => {
    for (const change of [signed('create', 'a'), signed('recreate', 'b', { former: 'a' }), signed('delete', 'a')]) {
      const bytes = encode(changeCodec, change)
      assert.equal(provenBytes(bytes), true)
      for (const broken of corruptions(bytes)) assert.equal(provenBytes(broken), false)
    }
  })

  test('shows neither the password nor what the same password holds elsewhere', () => {
    const password = 'a password of many bytes'
    const shown = hex(encode(changeCodec, signed('create', password)))
    assert.equal(shown.includes(hex(utf8(password))), false)
    const holders = [KEY, utf8('another key')].map((key) => hex(holderOf(key, utf8(password)).publicKey))
    assert.notEqual(holders[0], holders[1])
  })

  test('by somebody who puts his own key in place of the holder is another change, by him', () => {
    const theirs = signed('create', 'a')
    const mine = signed('create', 'thief')
    const forged: Change[] = [
      { ...theirs, statement: { ...theirs.statement, holder: mine.statement.holder } },
      { ...mine, former: { holder: theirs.statement.holder, signature: theirs.signature } },
      { ...mine, former: { holder: theirs.statement.holder, signature: mine.signature } },
    ]
    for (const change of forged) assert.equal(prove(0, change), undefined)
  })

  test('proves nothing with a former holder that somebody else added, whatever he signs, or left out', () => {
    const theirs = signed('create', 'a')
    const thief = holderOf(KEY, utf8('thief'))
    const whole = sha256(utf8('wow dht change 2\n'), encode(statementCodec, theirs.statement), thief.publicKey)
    const bare = sha256(utf8('wow dht change 2\n'), encode(statementCodec, theirs.statement))
    for (const message of [whole, bare]) {
      const grafted = { ...theirs, former: { holder: thief.publicKey, signature: thief.sign(message) } }
      assert.equal(prove(0, grafted), undefined)
    }
    assert.equal(prove(0, { ...signed('recreate', 'b', { former: 'a' }), former: undefined }), undefined)
  })

  test('keeps nothing of the frame that it came in', () => {
    const frame = encode(changeCodec, signed('create', 'a'))
    const kept = prove(1, decode(changeCodec, frame))
    frame.fill(0)
    assert.equal(kept?.subKey, subKeyOf(KEY, 1))
    assert.deepEqual(kept?.change.statement.key, KEY)
  })
})
