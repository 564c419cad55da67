import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { hex } from '../../agent/core/bytes.ts'
import { keyPairOf, verifies } from '../../agent/core/ed25519.ts'

/** RFC 8032 section 7.1, test 2. */
const SEED = '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'
const PUBLIC = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'
const SIGNATURE =
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'
const MESSAGE = Uint8Array.of(0x72)

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'))
}

describe('Ed25519', () => {
  test('makes the key and the signature of RFC 8032', () => {
    const pair = keyPairOf(bytes(SEED))
    assert.equal(hex(pair.publicKey), PUBLIC)
    assert.equal(hex(pair.sign(MESSAGE)), SIGNATURE)
    assert.equal(verifies(bytes(PUBLIC), MESSAGE, bytes(SIGNATURE)), true)
  })

  test('refuses another message, and any bytes that are no key or no signature, without an error', () => {
    assert.equal(verifies(bytes(PUBLIC), Uint8Array.of(0x73), bytes(SIGNATURE)), false)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 80 }), (key, signature) => {
        assert.equal(verifies(key, MESSAGE, bytes(SIGNATURE)), false)
        assert.equal(verifies(bytes(PUBLIC), MESSAGE, signature), false)
      }),
    )
  })
})
