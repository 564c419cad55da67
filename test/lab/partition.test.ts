import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Host, type Lab, labMissing } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { hostNames, openCluster } from './cluster.ts'

/** The promised time until one owner is left (docs/guarantees.md, P4), and more for a busy machine, ms. */
const SETTLED_WITHIN_MS = 60_000

describe('a cluster that is parted into two halves, each of which goes on by itself', { skip: labMissing() }, () => {
  let lab: Lab
  let hosts: readonly Host[]
  let away: readonly Host[]
  before(async () => {
    // Five addresses for six hosts: any three hosts and the other three must share an address.
    ;({ lab, hosts } = await openCluster(hostNames(6), { pool: '10.128.0.0/29' }))
    await Promise.all(hosts.map((host) => host.startAgent().phase('connected')))
    away = hosts.slice(3)
  })
  after(() => lab.close())

  const addresses = async () =>
    (await Promise.all(hosts.map(({ client }) => client.address()))).filter((ip) => ip !== undefined)
  const idOf = async ({ agent }: Host) => (await agent.status()).address

  test('gives an address to two hosts while it is parted, and to one again when it is whole', async () => {
    const uplinks = away.map(({ uplink }) => uplink.ip)
    await lab.internet.part(uplinks)
    const apart = await Promise.all(away.map(idOf))
    for (const host of away) {
      await until(`${host.name} is in a ring of its half`, async () => {
        const { correctlyConnected, left, right } = (await host.agent.status()).ring
        return correctlyConnected && apart.includes(left) && apart.includes(right)
      })
    }
    for (const { client } of hosts) client.launch()
    await Promise.all(hosts.map(({ client }) => client.bound()))
    const parted = await addresses()
    assert.equal(parted.length, 6)
    assert.ok(new Set(parted).size < 6, parted.join(' '))

    await lab.internet.heal(uplinks)
    await until(
      'no two taps have one address',
      async () => {
        const now = await addresses()
        return new Set(now).size === now.length
      },
      SETTLED_WITHIN_MS,
    )
    const held = (await Promise.all(hosts.map(({ agent }) => agent.status()))).flatMap(({ leases }) => leases)
    assert.equal(new Set(held.map(({ ip }) => ip)).size, held.length)
  })
})
