import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Host, Lab, labMissing } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { linkBetween } from './cluster.ts'

describe('two hosts on a network that knows IPv6 only', { skip: labMissing() }, () => {
  let lab: Lab
  let one: Host
  let two: Host
  let ips: readonly string[]
  before(async () => {
    lab = await Lab.open()
    const bootstrap = await lab.bootstrap('bootstrap', undefined, true)
    const { token } = await lab.createNamespace(bootstrap, { pool: '10.128.0.0/9' })
    ;[one, two] = [await lab.host('one', { token, ip6: true }), await lab.host('two', { token, ip6: true })]
    ips = await Promise.all([one, two].map((host) => host.join()))
  })
  after(() => lab.close())

  test('get an IPv4 address each and reach each other', async () => {
    assert.equal(new Set(ips).size, 2)
    assert.notEqual(await one.ping(ips[1]!), null)
  })

  test('are linked over UDP, and their packets go past JavaScript', async () => {
    assert.match((await linkBetween(one, two))?.remote ?? '', /^\/ip6\/2001:db8::[0-9a-f]+\/udp\//)
    await until('a lane', async () => {
      const { tunnels } = await one.agent.status()
      return tunnels.find(({ ip }) => ip === ips[1])?.carrier === 'udp'
    })
  })

  test('exchange packets of full size, which leave room for the longer headers', async () => {
    const [link] = JSON.parse(await one.netns.run('ip', '-j', 'link', 'show', 'dev', 'wow0'))
    const size = String(link.mtu - 28)
    const said = await one.netns.run('ping', '-n', '-q', '-M', 'do', '-i', '0.2', '-c', '20', '-s', size, ips[1]!)
    assert.match(said, / 0% packet loss/)
  })
})
