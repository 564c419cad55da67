import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  addressBytes,
  addressFromBytes,
  distance,
  formatAddress,
  isBetween,
  isCloser,
  rightward,
  toAddress,
} from '../../agent/overlay/address.ts'

const circle = 1n << 160n
const address = fc.bigInt({ min: 0n, max: circle - 1n }).map(toAddress)

describe('ring address', () => {
  test('survives the way through bytes and text', () => {
    fc.assert(
      fc.property(address, (a) => {
        assert.equal(addressFromBytes(addressBytes(a)), a)
        assert.equal(BigInt(`0x${formatAddress(a)}`), a)
        assert.equal(formatAddress(a).length, 40)
      }),
    )
  })

  test('distance is the shorter way round, the same from both ends', () => {
    fc.assert(
      fc.property(address, address, (a, b) => {
        assert.equal(distance(a, b), distance(b, a))
        assert.ok(distance(a, b) <= circle / 2n)
        assert.equal((rightward(a, b) + rightward(b, a)) % circle, 0n)
      }),
    )
  })

  test('of three different points exactly one order round the circle holds', () => {
    fc.assert(
      fc.property(address, address, address, (a, b, c) => {
        fc.pre(a !== b && b !== c && a !== c)
        assert.notEqual(isBetween(a, b, c), isBetween(c, b, a))
      }),
    )
  })

  test('closeness is a strict order, also across zero', () => {
    fc.assert(
      fc.property(address, address, address, (target, a, b) => {
        if (a === b) assert.equal(isCloser(target, a, b), false)
        else assert.notEqual(isCloser(target, a, b), isCloser(target, b, a))
      }),
    )
    assert.ok(isCloser(toAddress(0n), toAddress(-1n), toAddress(2n)))
  })
})
