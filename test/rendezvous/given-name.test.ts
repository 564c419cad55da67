import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { InputError } from '../../agent/core/errors.ts'
import { isGivenName, parseGivenName } from '../../agent/rendezvous/given-name.ts'

describe('a name in place of an address', () => {
  test('is that of a domain, or of a list', () => {
    const dns = parseGivenName('dns:cluster.example.')
    assert.deepEqual(dns, { way: 'dns', text: 'dns:cluster.example.', domain: 'cluster.example' })
    const list = parseGivenName('https://cluster.example:8443/nodes?of=lab')
    assert.equal(list.way === 'https' && list.url.host, 'cluster.example:8443')
  })

  test('is told from a multiaddr', () => {
    assert.equal(isGivenName('/dns4/cluster.example/tcp/4001'), false)
    assert.equal(isGivenName('dns:cluster.example'), true)
    assert.equal(isGivenName('http://cluster.example/nodes'), true)
  })

  for (const [what, text] of [
    ['no domain', 'dns:'],
    ['a domain with a space', 'dns:a b'],
    ['an empty label', 'dns:a..b'],
    ['a label of 64', `dns:${'a'.repeat(64)}.example`],
    ['a list that anybody on the way can change', 'http://cluster.example/nodes'],
    ['an address with a password', 'https://me:secret@cluster.example/nodes'],
    ['no host', 'https://'],
    ['more than a token holds', `https://cluster.example/${'a'.repeat(255)}`],
  ] as const) {
    test(`that is ${what} is refused with the field and a remedy, and without a password`, () => {
      assert.throws(
        () => parseGivenName(text),
        (error) =>
          error instanceof InputError &&
          error.code === 'BAD_ENDPOINT' &&
          error.message.startsWith('bootstrap: ') &&
          error.hint !== '' &&
          !error.message.includes('secret'),
      )
    })
  }
})
