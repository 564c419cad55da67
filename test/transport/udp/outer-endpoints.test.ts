import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { toAddress } from '../../../agent/overlay/address.ts'
import { OuterEndpoints } from '../../../agent/transport/udp/outer-endpoints.ts'
import { udpEndpoint } from '../../../agent/underlay/udp-endpoint.ts'

const INNER = udpEndpoint('192.168.1.2', 4001)!
const OUTER = udpEndpoint('198.51.100.7', 4001)!
const [first, second, third, fourth] = [toAddress(1n), toAddress(2n), toAddress(3n), toAddress(4n)] as const
const elsewhere = (port: number) => udpEndpoint('198.51.100.7', port)!

describe('where others see a node', () => {
  test('is nowhere as long as nobody has said it, and no news where it listens', () => {
    const outer = new OuterEndpoints(() => [INNER])
    assert.deepEqual([outer.mapping, outer.candidates()], ['unknown', []])
    outer.note(first, INNER)
    assert.deepEqual([outer.mapping, outer.candidates()], ['none', []])
  })

  test('is where the only observer outside sees it, or two of them', () => {
    const outer = new OuterEndpoints(() => [INNER])
    outer.note(first, INNER)
    outer.note(second, OUTER)
    assert.deepEqual([outer.mapping, outer.candidates()], ['predictable', [OUTER]])
    outer.note(third, OUTER)
    outer.note(fourth, elsewhere(9))
    assert.deepEqual(outer.candidates(), [OUTER], 'one liar changes nothing')
  })

  test('is one endpoint of several when each observer sees it at another one of the same address', () => {
    const outer = new OuterEndpoints(() => [INNER])
    outer.note(first, elsewhere(1))
    outer.note(second, elsewhere(2))
    assert.deepEqual([outer.mapping, outer.candidates()], ['random', [elsewhere(2)]])
    outer.note(third, udpEndpoint('203.0.113.1', 4001)!)
    assert.deepEqual([outer.mapping, outer.candidates()], ['random', []])
  })

  test('has ports dealt out when each observer sees another one, which one observer alone cannot tell', () => {
    const outer = new OuterEndpoints(() => [INNER])
    assert.equal(outer.dealt, undefined)
    outer.note(first, elsewhere(1))
    assert.deepEqual([outer.dealt, outer.steady], [{ ip: '198.51.100.7', isSure: false }, elsewhere(1)])
    outer.note(second, elsewhere(2))
    assert.deepEqual([outer.dealt, outer.steady], [{ ip: '198.51.100.7', isSure: true }, undefined])
    outer.note(second, elsewhere(1))
    assert.deepEqual([outer.dealt, outer.steady], [undefined, elsewhere(1)])
    outer.note(third, udpEndpoint('203.0.113.1', 4001)!)
    outer.note(second, elsewhere(2))
    assert.equal(outer.dealt, undefined, 'a NAT with several addresses is not tried')
  })

  test('is steady where a node without a NAT listens', () => {
    const outer = new OuterEndpoints(() => [INNER])
    assert.equal(outer.steady, undefined)
    outer.note(first, INNER)
    assert.deepEqual([outer.steady, outer.dealt], [INNER, undefined])
  })

  test('is where a router lets others in, before what observers see, which is told once', () => {
    const mapped = elsewhere(4000)
    let news = 0
    const outer = new OuterEndpoints(
      () => [INNER],
      () => news++,
    )
    outer.mapped = mapped
    assert.deepEqual([outer.candidates(), outer.mapping, news], [[mapped], 'unknown', 1])
    outer.note(first, elsewhere(1))
    assert.deepEqual(outer.candidates(), [mapped, elsewhere(1)])
    outer.note(first, mapped)
    assert.deepEqual(outer.candidates(), [mapped])
    outer.mapped = undefined
    outer.forget(first)
    assert.deepEqual(outer.candidates(), [])
  })

  test('is open to all when it is where it listens, or a router lets others in at the address that observers see', () => {
    const outer = new OuterEndpoints(() => [INNER])
    assert.equal(outer.isOpen, false)
    outer.note(first, INNER)
    assert.equal(outer.isOpen, true)
    outer.note(first, elsewhere(1))
    outer.note(second, elsewhere(2))
    assert.equal(outer.isOpen, false)
    outer.mapped = udpEndpoint('192.168.0.7', 4001)
    assert.equal(outer.isOpen, false, 'the router is behind another NAT')
    outer.mapped = elsewhere(3)
    assert.equal(outer.isOpen, true)
  })

  test('follows an observer that sees it move, and forgets one that is gone', () => {
    const outer = new OuterEndpoints(() => [INNER])
    assert.equal(outer.note(first, OUTER), true)
    assert.equal(outer.note(first, OUTER), false)
    outer.note(first, elsewhere(5))
    assert.deepEqual(outer.candidates(), [elsewhere(5)])
    outer.forget(first)
    assert.equal(outer.mapping, 'unknown')
  })
})
