import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { formatToken, parseToken } from '../../agent/namespace/token.ts'
import { type Bootstrap, type Host, Lab, labMissing } from '../../lab/lab.ts'

/** Only two usable addresses: every full namespace with this pool uses both. */
const POOL = { pool: '10.77.0.0/29', reserve: '10.77.0.4,10.77.0.5,10.77.0.6' }

describe('two namespaces with the same pool over one ring', { skip: labMissing() }, () => {
  let lab: Lab
  let bootstrap: Bootstrap
  let red: Host[]
  let blue: Host[]
  before(async () => {
    lab = await Lab.open()
    bootstrap = await lab.bootstrap()
    red = await pairOf('red')
    blue = await pairOf('blue')
  })
  after(() => lab.close())

  async function pairOf(name: string): Promise<Host[]> {
    const { token } = await lab.createNamespace(bootstrap, { name, ...POOL })
    const hosts = await Promise.all([1, 2].map((number) => lab.host(`${name}${number}`, { token })))
    for (const host of hosts) await host.join()
    return hosts
  }

  test('hand out the same addresses', async () => {
    for (const hosts of [red, blue]) {
      const ips = await Promise.all(hosts.map(({ client }) => client.address()))
      assert.deepEqual(ips.sort(), ['10.77.0.2', '10.77.0.3'])
    }
  })

  test('carry packets of their own members only', async () => {
    for (const hosts of [red, blue]) {
      const others = hosts === red ? blue : red
      const before = await Promise.all([...hosts, ...others].map(framesToTap))
      for (const host of hosts) {
        for (const ip of ['10.77.0.2', '10.77.0.3']) assert.notEqual(await host.ping(ip), null)
      }
      const after = await Promise.all([...hosts, ...others].map(framesToTap))
      assert.deepEqual(after.slice(2), before.slice(2))
      for (const own of [0, 1]) assert.ok((after[own] ?? 0) > (before[own] ?? 0))
    }
  })

  test('do not reach the other holder of an address when their own is gone', async () => {
    const [one, two] = red
    assert.ok(one && two)
    const ip = await two.client.address()
    assert.ok(ip)
    await two.agent.kill()
    const holders = await Promise.all(blue.map(({ client }) => client.address()))
    assert.ok(holders.includes(ip))
    assert.equal(await one.ping(ip, 4), null)
  })
})

describe('a stranger who knows the id of a namespace, but not its secret', { skip: labMissing() }, () => {
  let lab: Lab
  let members: Host[]
  let ips: string[]
  let stranger: Host
  before(async () => {
    lab = await Lab.open()
    const bootstrap = await lab.bootstrap()
    const { token } = await lab.createNamespace(bootstrap, { name: 'secret', ...POOL })
    members = await Promise.all([1, 2].map((number) => lab.host(`member${number}`, { token })))
    ips = await Promise.all(members.map((host) => host.join()))
    const forged = formatToken({ ...parseToken(token), secret: new Uint8Array(randomBytes(32)) })
    stranger = await lab.host('stranger', { token: forged })
    await stranger.startAgent().phase('ready')
  })
  after(() => lab.close())

  test('takes no lease away from the members', async () => {
    // Whatever it leases, it leases in its own world, where it is alone.
    stranger.client.launch()
    await stranger.agent.phase('leased')
    for (const [index, member] of members.entries()) {
      assert.deepEqual(
        (await member.agent.status()).leases.map(({ ip }) => ip),
        [ips[index]],
      )
      assert.notEqual(await member.ping(ips[1 - index] ?? ''), null)
    }
  })

  test('gets no packet through to a member, and none from one', async () => {
    const own = await stranger.client.bound()
    const other = ips.find((ip) => ip !== own)
    assert.ok(other)
    const before = await Promise.all(members.map(framesToTap))
    assert.equal(await stranger.ping(other, 4), null)
    assert.deepEqual(await Promise.all(members.map(framesToTap)), before)
    const heard = await framesToTap(stranger)
    for (const member of members) await member.ping(own, 2)
    assert.equal(await framesToTap(stranger), heard)
  })
})

/** IP packets that came to the tap from the overlay; the kernel counts what is written to a tap as received. */
async function framesToTap({ netns }: Host): Promise<number> {
  return Number(await netns.run('cat', '/sys/class/net/wow0/statistics/rx_packets'))
}
