import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Host, type Lab, labMissing } from '../../lab/lab.ts'
import { joinedCluster } from './cluster.ts'

/** Between two pings, s. */
const PING_EVERY = 0.1
/** Without traffic, s: a second of silence, two more until the link counts as dead, then a new link. */
const LONGEST_GAP = 8

describe('two hosts whose traffic to each other is filtered from one moment on', { skip: labMissing() }, () => {
  let lab: Lab
  let one: Host
  let two: Host
  let ip: string
  before(async () => {
    const cluster = await joinedCluster(['one', 'two'])
    lab = cluster.lab
    ;[one, two] = cluster.hosts as [Host, Host]
    ip = cluster.ips[1]!
    assert.notEqual(await one.ping(ip), null)
  })
  after(() => lab.close())

  test('reach each other through a third node soon after', async () => {
    const pinging = one.netns.run('ping', '-n', '-D', '-i', `${PING_EVERY}`, '-c', '250', '-W', '1', ip)
    await sleep(3_000)
    await one.netns.run('nft', 'add table ip filtered')
    for (const [hook, side] of [
      ['input', 'saddr'],
      ['output', 'daddr'],
    ]) {
      await one.netns.run('nft', `add chain ip filtered ${hook} { type filter hook ${hook} priority 0; }`)
      await one.netns.run('nft', `add rule ip filtered ${hook} ip ${side} ${two.uplink.ip} drop`)
    }
    const times = [...(await pinging).matchAll(/^\[([\d.]+)\] .* icmp_seq=\d+ .*time=/gm)].map(([, at]) => Number(at))
    const gaps = times.slice(1).map((at, i) => at - times[i]!)
    const longest = Math.max(...gaps)
    assert.ok(longest < LONGEST_GAP, `no answer for ${longest.toFixed(1)} s`)
    assert.ok(times.at(-1)! - times[0]! > 20, 'the last pings were answered')
  })
})
