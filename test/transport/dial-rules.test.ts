import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { describe, test } from 'node:test'
import { SystemClock } from '../../agent/core/clock.ts'
import { MAX_PORTS_PER_HOST } from '../../agent/transport/constants.ts'
import { DialRules } from '../../agent/transport/dial-rules.ts'
import { readEndpoint } from '../../agent/transport/endpoints.ts'
import { HiddenNetworks } from '../../agent/transport/hidden-networks.ts'

const PEER = '12D3KooWBhGEb1J2X1ijA8D5NHYGU11dhsNH8uceQSv7fKNN2bha'

function rulesOf({ hidden = [] as string[], listening = ['/ip4/192.0.2.1/tcp/4001'] } = {}): DialRules {
  const addresses = new HiddenNetworks(hidden, () => 0)
  return new DialRules({ hidden: addresses, listening: () => listening, clock: new SystemClock() })
}

async function selected(rules: DialRules, ...texts: string[]): Promise<string[]> {
  return (await rules.select(texts.map((text) => readEndpoint(text)!))).map(({ text }) => text)
}

describe('on the word of others', () => {
  test('public and private hosts are dialled', async () => {
    const fine = ['/ip4/198.51.100.7/tcp/1', '/ip4/192.168.1.7/udp/1', '/ip6/2001:db8::1/udp/1', '/ip6/fd00::1/tcp/1']
    assert.deepEqual(await selected(rulesOf(), ...fine), fine)
  })

  test('nothing is dialled that is no single host, or this machine', async () => {
    const hosts = ['0.0.0.0', '127.0.0.1', '127.9.9.9', '224.0.0.251', '255.255.255.255', '240.0.0.1']
    for (const ip of hosts) {
      for (const port of ['tcp/22', 'udp/53', `tcp/22/p2p/${PEER}/p2p-circuit/p2p/${PEER}`]) {
        assert.deepEqual(await selected(rulesOf(), `/ip4/${ip}/${port}`), [], ip)
        assert.deepEqual(await selected(rulesOf(), `/ip6/::ffff:${ip}/${port}`), [], `::ffff:${ip}`)
      }
    }
    for (const ip of ['::', '::1', 'ff02::fb', 'fe80::1', '100::1']) {
      assert.deepEqual(await selected(rulesOf(), `/ip6/${ip}/udp/53`), [], ip)
    }
  })

  test('no name is dialled that stands for this machine, and another one by its address only', async () => {
    assert.deepEqual(await selected(rulesOf(), '/dns4/localhost/tcp/22', '/dns/nobody.invalid/tcp/22'), [])
    const rules = rulesOf({ listening: ['/ip4/127.0.0.1/tcp/4001'] })
    assert.deepEqual(await selected(rules, `/dns4/localhost/tcp/22/p2p/${PEER}`), [`/ip4/127.0.0.1/tcp/22/p2p/${PEER}`])
  })

  test('the loopback is dialled by nodes that all live on one machine', async () => {
    const here = '/ip4/127.0.0.1/tcp/4001'
    assert.deepEqual(await selected(rulesOf({ listening: [here] }), here), [here])
    assert.deepEqual(await selected(rulesOf({ listening: [here, '/ip4/192.0.2.1/tcp/1'] }), here), [])
    assert.deepEqual(await selected(rulesOf({ listening: [] }), here), [])
    const rules = rulesOf({ listening: [] })
    rules.onGiven(readEndpoint(here)!)
    assert.deepEqual(await selected(rules, here), [here])
  })

  test('the overlay is not dialled through itself', async () => {
    const [name, addresses] = Object.entries(networkInterfaces()).find(([, all]) =>
      all?.some(({ internal }) => internal),
    )!
    const ip = addresses!.find(({ family }) => family === 'IPv4')!.address
    const rules = rulesOf({ hidden: [name], listening: [`/ip4/${ip}/tcp/1`] })
    assert.deepEqual(await selected(rules, `/ip4/${ip.replace(/\d+$/, '77')}/tcp/1`), [])
  })

  test('the loopback is not remembered, for at the next start a remembered endpoint counts as given', () => {
    const admits = (text: string) => rulesOf().admits(readEndpoint(text)!)
    assert.equal(admits('/ip4/127.0.0.1/tcp/22'), false)
    assert.equal(admits('/ip4/198.51.100.7/tcp/4001'), true)
    assert.equal(admits('/dns4/wow.example.org/tcp/4001'), true)
  })

  test('few ports of one host are dialled', async () => {
    const many = Array.from({ length: 8 }, (_, i) => `/ip4/198.51.100.7/tcp/${i + 1}`)
    assert.deepEqual(await selected(rulesOf(), ...many), many.slice(0, MAX_PORTS_PER_HOST))
  })
})
