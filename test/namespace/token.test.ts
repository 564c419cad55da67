import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { InputError } from '../../agent/core/errors.ts'
import { base32, fromBase32 } from '../../agent/namespace/base32.ts'
import { formatToken, looksLikeToken, parseToken } from '../../agent/namespace/token.ts'
import { refusal } from '../refusal.ts'
import { sampleNamespace } from './samples.ts'

describe('a join token', () => {
  test('is one word that brings back secret, record and bootstrap addresses', () => {
    const { signed, secret } = sampleNamespace()
    const bootstrap = ['/ip4/203.0.113.7/tcp/4001', '/dns4/relay.example.org/tcp/443']
    const token = formatToken({ signed, secret, bootstrap })
    assert.match(token, /^wow1[a-z2-7]+$/)
    assert.deepEqual(parseToken(`  ${token}\n`), { signed, secret, bootstrap })
    assert.ok(looksLikeToken(token))
    assert.ok(!looksLikeToken('wow1lab'))
  })

  test('that is malformed is refused with what is wrong and without repeating the secret', () => {
    const token = formatToken(sampleNamespace())
    const altered = `${token.slice(0, 80)}${token[80] === 'a' ? 'b' : 'a'}${token.slice(81)}`
    const cases: [string, RegExp][] = [
      ['', /it is empty/],
      ['hello', /does not begin with wow1/],
      [`${token.slice(0, 50)}!${token.slice(51)}`, /character 51 is not one of/],
      [altered, /checksum/],
      [token.slice(0, -9), /checksum|end is missing/],
      ['wow1', /checksum/],
      [token + token, /not one of/],
    ]
    for (const [text, expected] of cases) {
      const { code, message } = refusal(() => parseToken(text))
      assert.equal(code, 'TOKEN_MALFORMED')
      assert.match(message, expected)
      assert.ok(!message.includes(token.slice(10, 40)))
    }
  })

  test('of any text at all is taken or refused, nothing else', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 400 }), fc.boolean(), (text, prefixed) => {
        assert.ok(refusal(() => parseToken(prefixed ? `wow1${text}` : text)) instanceof InputError)
      }),
    )
  })
})

describe('base32', () => {
  test('brings back any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.deepEqual(fromBase32(base32(bytes)), new Uint8Array(bytes))
      }),
    )
  })

  test('agrees with RFC 4648', () => {
    assert.equal(base32(new TextEncoder().encode('foobar')), 'mzxw6ytboi')
    assert.equal(base32(new TextEncoder().encode('foob')), 'mzxw6yq')
  })

  test('refuses an end that no bytes have', () => {
    assert.equal(fromBase32('mzxw6ytbo'), 9)
    assert.equal(fromBase32('b'), 1)
  })
})
