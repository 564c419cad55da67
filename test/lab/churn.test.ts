import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { askInVain, boot, churn, duplicatesAmong, inBatches, newHosts, servedAfter, storm } from '../../lab/churn.ts'
import { Lab, labMissing } from '../../lab/lab.ts'

/** A death is noticed in 2 s (sooner where the dead node's machine says so), and the entries are handed over in one more. */
const BETWEEN_DEATHS_MS = 3_500

describe('machines that boot while others die', { skip: labMissing() }, () => {
  let lab: Lab
  before(async () => {
    lab = await Lab.open()
  })
  after(() => lab.close())

  test('each get an address that nobody else has', async () => {
    const bootstrap = await lab.bootstrap()
    const { token } = await lab.createNamespace(bootstrap, { pool: '10.88.0.0/28' })
    const members = await newHosts(lab, token, 'member', 6)
    await inBatches(members, boot)
    const held = await Promise.all(members.map(({ client }) => client.address()))
    const victims = members.splice(0, 3)
    const newcomers = await newHosts(lab, token, 'newcomer', 3)
    await churn(
      newcomers,
      victims.map(({ agent }) => agent),
      BETWEEN_DEATHS_MS,
    )
    assert.deepEqual(await duplicatesAmong([...members, ...newcomers]), [])
    // A dead host may only be asleep: it keeps its address until the lease ends.
    for (const { client } of newcomers) assert.ok(!held.includes(await client.address()))
  })
})

describe('a pool with as many addresses as hosts', { skip: labMissing() }, () => {
  const HOSTS = 5
  let lab: Lab
  before(async () => {
    lab = await Lab.open()
  })
  after(() => lab.close())

  test('gives each its own when all clients start at once, and one more client the first that is released', async () => {
    const bootstrap = await lab.bootstrap()
    const { token } = await lab.createNamespace(bootstrap, { pool: '10.77.0.0/29' })
    const hosts = await newHosts(lab, token, 'host', HOSTS)
    await storm(hosts)
    const ips = await Promise.all(hosts.map(({ client }) => client.address()))
    assert.equal(new Set(ips).size, HOSTS)

    const [late] = await newHosts(lab, token, 'late', 1)
    const [first] = hosts
    assert.ok(late && first)
    await askInVain(late)
    assert.equal(await late.client.address(), undefined)
    await servedAfter(late, first.client.release())
    assert.equal(await late.client.address(), ips[0])
  })
})
