import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { askAgentText } from '../../agent/control/client.ts'
import { type Host, type Lab, labMissing } from '../../lab/lab.ts'
import { NetworkNamespace } from '../../lab/network-namespace.ts'
import { until } from '../../lab/until.ts'
import { openCluster } from './cluster.ts'

const LEASE_MS = 20_000
/** Two addresses for three hosts. */
const WISHES = { pool: '10.77.0.0/29', reserve: '10.77.0.4,10.77.0.5,10.77.0.6', lease: '20s' }

/** Stops every process of a host, or lets them go on. */
function signal({ netns }: Host, name: 'SIGSTOP' | 'SIGCONT'): void {
  assert.ok(netns instanceof NetworkNamespace)
  netns.signal(name)
}

describe('a host that stands still past its lease', { skip: labMissing() }, () => {
  let lab: Lab
  let sleeper: Host
  let witness: Host
  let heir: Host
  let address: string
  let witnessIp: string
  before(async () => {
    const cluster = await openCluster(['sleeper', 'witness', 'heir'], WISHES)
    lab = cluster.lab
    ;[sleeper, witness, heir] = cluster.hosts as [Host, Host, Host]
    address = await sleeper.join()
    witnessIp = await witness.join()
    await heir.startAgent().phase('ready')
    heir.client.launch()
    await heir.agent.logged('pool-exhausted')
    assert.notEqual(await sleeper.ping(witnessIp), null)
    signal(sleeper, 'SIGSTOP')
    // What is sent while the agent stands still waits in the tap, and would go out first of all.
    sleeper.netns.spawn('ping', ['-n', '-i', '0.5', '-I', address, witnessIp])
  })
  after(() => lab.close())

  test('has its address given to another when the lease is over', { timeout: 4 * LEASE_MS }, async () => {
    assert.equal(await heir.client.bound(), address)
    assert.notEqual(await witness.ping(address), null)
  })

  test('sends no packet with it when it goes on, and says that it lost it', async () => {
    const heirId = (await heir.agent.status()).peerId
    const before = await tunnelTo(witness, address)
    assert.equal(before?.peerId, heirId)
    signal(sleeper, 'SIGCONT')
    await until('the sleeper holds it no more', async () => (await sleeper.agent.status()).leases.length === 0)
    await sleep(2_000)
    assert.ok((await dropped(sleeper)) > 0, 'what its ping went on to send was dropped')
    assert.equal((await tunnelTo(witness, address))?.peerId, heirId)
    assert.notEqual(await witness.ping(address), null)
    assert.equal((await heir.agent.status()).leases[0]?.ip, address)
  })
})

/** Packets that did not go out, because the lease of their source was in doubt or over. */
async function dropped({ agent }: Host): Promise<number> {
  const text = await askAgentText(agent.options.state, '/metrics')
  const counts = [...text.matchAll(/outcome="drop-(?:lease-in-doubt|source-not-leased)"\} (\d+)/g)]
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}

async function tunnelTo(host: Host, ip: string) {
  return (await host.agent.status()).tunnels.find((tunnel) => tunnel.ip === ip)
}
