import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Host, Lab } from '../../lab/lab.ts'
import { labMissing } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { carrierTo, linkBetween, openCluster } from './cluster.ts'

const BLOCK = `table ip block {
  chain in {
    type filter hook input priority 0
    iifname eth0 meta l4proto udp drop
  }
}`

describe('a host whose network drops UDP for a while', { skip: labMissing() }, () => {
  let lab: Lab
  after(() => lab.close())

  test('is linked over TCP, and over UDP once that gets through', async () => {
    const cluster = await openCluster(['one', 'two'])
    lab = cluster.lab
    const [one, two] = cluster.hosts as [Host, Host]
    await one.netns.run('nft', BLOCK)
    const [, ip = ''] = await Promise.all([one.join(), two.join()])
    assert.notEqual(await one.ping(ip), null)
    assert.equal((await linkBetween(one, two))?.kind, 'tcp')
    await one.netns.run('nft', 'delete table ip block')
    const overUdp = async () => {
      const links = [await linkBetween(one, two), await linkBetween(two, one)]
      return links.every((link) => link?.kind === 'direct')
    }
    await until('a link over UDP', overUdp)
    assert.notEqual(await one.ping(ip), null)
    await until('a tunnel over UDP', async () => (await carrierTo(one, ip)) === 'udp')
  })
})
