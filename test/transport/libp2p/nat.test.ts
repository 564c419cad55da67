/** Real nodes behind real NATs, in network namespaces. */

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { Child } from './child.ts'
import type { Settings } from './child-node.ts'
import { Internet } from './netns.ts'

const LISTEN = ['/ip4/0.0.0.0/tcp/4001']

describe('behind NATs', { skip: Internet.unavailable(), timeout: 120_000 }, () => {
  let internet: Internet
  let children: Child[]

  beforeEach(() => {
    children = []
    internet = new Internet()
  })

  afterEach(async () => {
    await Promise.all(children.map((child) => child.kill()))
    internet.remove()
  })

  function start(host: string, settings: Settings): Child {
    const child = new Child(settings, Internet.on(host))
    children.push(child)
    return child
  }

  test('two nodes link through the relay that both dialled, by the endpoints they give out', async () => {
    const relay = start(internet.host('relay', '45.0.0.10'), { listen: LISTEN })
    const [hostA = ''] = internet.lan('a', '45.0.0.2', '10.1.0', ['ha'])
    const [hostB = ''] = internet.lan('b', '45.0.0.3', '10.2.0', ['hb'])
    const bootstrap = (await relay.endpoints()).slice(0, 1)
    assert.match(bootstrap[0] ?? '', /^\/ip4\/45\.0\.0\.10\/tcp\/4001\/p2p\//)
    const a = start(hostA, { listen: LISTEN, bootstrap })
    const b = start(hostB, { listen: LISTEN, bootstrap })
    assert.equal((await a.find('link to the relay', (event) => event.link)).relayed, false)

    const endpointsOfB = await b.relayedEndpoints()
    assert.ok(endpointsOfB.some((endpoint) => endpoint.startsWith('/ip4/10.2.0.2/tcp/4001/')))
    await a.relayedEndpoints()
    a.dial(endpointsOfB)
    const link = await a.find('relayed link', (event) => (event.link?.relayed ? event.link : undefined))
    assert.match(link.remote, /^\/ip4\/45\.0\.0\.10\/.*\/p2p-circuit\//)
    assert.equal(await b.find('relayed link', (event) => event.link?.relayed || undefined), true)
    let echoes = 0
    await a.find('two echoes: of the relay and of the other', (event) => (event.echoed && ++echoes === 2) || undefined)
  })

  test('two nodes of one LAN find each other by multicast and link directly', async () => {
    const [one = '', two = ''] = internet.lan('c', '45.0.0.4', '10.3.0', ['hc', 'hd'])
    const first = start(one, { listen: LISTEN, mdns: true })
    const endpoint = (await first.endpoints())[0] ?? ''
    assert.match(endpoint, /^\/ip4\/10\.3\.0\.2\//)
    const second = start(two, { listen: LISTEN, mdns: true })
    const found = (event: { discovered?: string }) => event.discovered
    assert.equal(await second.find('node on the LAN', found), endpoint)
    second.dial([endpoint])
    assert.equal((await first.find('link', (event) => event.link)).relayed, false)
  })
})
