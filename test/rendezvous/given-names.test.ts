import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { WowError } from '../../agent/core/errors.ts'
import { parseGivenName } from '../../agent/rendezvous/given-name.ts'
import { GivenNames } from '../../agent/rendezvous/given-names.ts'
import { lookUp, type NameLookupParts } from '../../agent/rendezvous/name-lookup.ts'
import { isEndpoint } from '../../agent/transport/endpoints.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { dnsServer } from './dns-server.ts'

const ONE = '/ip4/192.0.2.1/udp/4001'
const TWO = '/ip4/192.0.2.2/tcp/4001/p2p/12D3KooWA2t3uqdUsjUx9wgpzFdq5DuKsQgop1oEoCGLQ6ZVPob5'
const LIST = 'https://cluster.example/nodes'

async function askDns(records: Record<string, string[]>, name: string): Promise<string[]> {
  const server = await dnsServer(new Map(Object.entries(records)))
  try {
    const txt = (domain: string) => {
      const resolver = new Resolver({ timeout: 2_000, tries: 2 })
      resolver.setServers([server.address])
      return resolver.resolveTxt(domain)
    }
    return await lookUp(parseGivenName(name), { ...never, txt }, new AbortController().signal)
  } finally {
    server.close()
  }
}

const never: NameLookupParts = {
  txt: () => Promise.reject(new Error('not asked for')),
  fetch: () => Promise.reject(new Error('not asked for')),
  isEndpoint,
}

function askList(body: string | ReadableStream, status = 200): Promise<string[]> {
  const fetch = async () => new Response(body, { status })
  return lookUp(parseGivenName(LIST), { ...never, fetch }, new AbortController().signal)
}

const unresolved = (what: RegExp) => (error: unknown) =>
  error instanceof WowError && error.code === 'NAME_UNRESOLVED' && what.test(error.message) && error.hint !== ''

describe('a domain that leads to nodes', () => {
  test('has them in TXT records of _dnsaddr, or its own; other records do not matter', async () => {
    const spf = 'v=spf1 -all'
    assert.deepEqual(
      await askDns({ '_dnsaddr.lab.example': [`dnsaddr=${ONE}`, `dnsaddr=${TWO}`] }, 'dns:lab.example'),
      [ONE, TWO],
    )
    assert.deepEqual(await askDns({ 'lab.example': [spf, `dnsaddr=${ONE}`] }, 'dns:lab.example'), [ONE])
  })

  test('has nothing to say: the error names the record that is missing', async () => {
    const nothing: readonly Record<string, string[]>[] = [
      {},
      { 'lab.example': ['v=spf1 -all', 'dnsaddr=dns:other.example', 'dnsaddr=/ip4/1'] },
    ]
    for (const records of nothing) {
      await assert.rejects(askDns(records, 'dns:lab.example'), unresolved(/no TXT record/))
    }
  })

  test('that no name server can be asked for is told from one that says nothing', async () => {
    const txt = () => Promise.reject(Object.assign(new Error('queryTxt ETIMEOUT'), { code: 'ETIMEOUT' }))
    const asking = lookUp(parseGivenName('dns:lab.example'), { ...never, txt }, new AbortController().signal)
    await assert.rejects(asking, unresolved(/cannot be looked up: queryTxt ETIMEOUT/))
  })
})

describe('a list of nodes', () => {
  test('has one a line, or is a JSON array', async () => {
    assert.deepEqual(await askList(`# the lab\n${ONE}  # north\n\r\n${TWO}\r\n${ONE}`), [ONE, TWO])
    assert.deepEqual(await askList(JSON.stringify([ONE, 'https://elsewhere.example', TWO])), [ONE, TWO])
  })

  test('is bounded', async () => {
    const many = Array.from({ length: 500 }, (_, i) => `/ip4/10.0.${i >> 8}.${i & 255}/udp/4001`)
    assert.equal((await askList(many.join('\n'))).length, 32)
    await assert.rejects(askList(`${ONE}\n`.repeat(10_000)), unresolved(/is no list/))
  })

  test('is none when it is the page of a captive portal, JSON of another shape, or an error', async () => {
    for (const body of ['<html>log in</html>', '[1]', '["a"', '{"nodes":[]}']) {
      await assert.rejects(askList(body), unresolved(/is no list/), body)
    }
    await assert.rejects(askList('', 200), unresolved(/lists no address/))
    await assert.rejects(askList(ONE, 404), unresolved(/answers 404/))
  })

  test('of any bytes is read as one, or refused, and nothing else', async () => {
    const body = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.array(fc.constantFrom(ONE, '/', '#', '<', '[', ',')).map((all) => all.join('\n')),
    )
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        const found = await askList(text).catch((error: unknown) => error)
        assert.ok(found instanceof WowError || (Array.isArray(found) && found.every(isEndpoint)))
      }),
      { numRuns: 1_000 },
    )
  })

  test('that cannot be read says why', async () => {
    const fetch = () => Promise.reject(new TypeError('fetch failed', { cause: new Error('certificate has expired') }))
    const asking = lookUp(parseGivenName(LIST), { ...never, fetch }, new AbortController().signal)
    await assert.rejects(asking, unresolved(/cannot be read: certificate has expired/))
  })
})

describe('the names that a node was given', () => {
  function setUp() {
    const clock = new VirtualClock()
    const state = { asked: 0, answers: (): Promise<string[][]> => Promise.resolve([[`dnsaddr=${ONE}`]]) }
    const txt = (domain: string) => {
      if (domain.startsWith('_')) return Promise.resolve([])
      state.asked++
      return state.answers()
    }
    return { clock, state, names: new GivenNames(clock, { ...never, txt }) }
  }
  const NAME = 'dns:lab.example'

  test('are asked for once a minute, and once at a time', async () => {
    const { clock, state, names } = setUp()
    await Promise.all([names.endpoints(NAME), names.endpoints(NAME)])
    await names.endpoints(NAME)
    assert.equal(state.asked, 1)
    await clock.runFor(60_000)
    assert.deepEqual(await names.endpoints(NAME), [ONE])
    assert.equal(state.asked, 2)
  })

  test('lead where they led before while they do not answer, and are asked for ever more rarely', async () => {
    const { clock, state, names } = setUp()
    await names.endpoints(NAME)
    state.answers = () => Promise.reject(new Error('queryTxt ESERVFAIL'))
    for (let second = 0; second < 300; second++) {
      await clock.runFor(1_000)
      assert.deepEqual(await names.endpoints(NAME), [ONE])
    }
    assert.ok(state.asked > 5 && state.asked < 15, `asked ${state.asked} times`)
    assert.match(names.failure(NAME)!.message, /ESERVFAIL/)
  })

  test('that never answered are an error, and one that no server answers within 10 s', async () => {
    const { clock, state, names } = setUp()
    state.answers = () => new Promise(() => {})
    await assert.rejects(clock.complete(names.endpoints(NAME)), unresolved(/no answer in 10 s/))
  })
})
