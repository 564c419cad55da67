import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Handlebars from 'handlebars'
import { inRoot } from '../../scripts/lib/paths.ts'
import { kernelMissing, Netns } from '../net/netns.ts'

const TEMPLATE = inRoot('templates', 'root', 'etc', 'wow', 'dhclient.conf.hbs')
/** `backoff-cutoff` of the configuration, which dhclient draws around, s. */
const LONGEST_PAUSE_S = 6
const WATCHED_MS = 6_000

describe("the appliance's DHCP client", { skip: kernelMissing('dhclient') }, () => {
  test('asks every few seconds while nobody answers, on the interface that it is configured for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wow-dhclient-'))
    const ns = new Netns()
    try {
      const configuration = join(folder, 'conf')
      writeFileSync(configuration, Handlebars.compile(readFileSync(TEMPLATE, 'utf8'))({ tap: 'wow0' }))
      ns.run('ip', 'link', 'add', 'wow0', 'type', 'veth', 'peer', 'name', 'nobody')
      for (const device of ['wow0', 'nobody']) ns.run('ip', 'link', 'set', device, 'up')
      const files = ['-lf', join(folder, 'leases'), '-pf', join(folder, 'pid')]
      const client = ns.spawn('dhclient', '-4', '-d', '-sf', '/bin/true', ...files, '-cf', configuration, 'wow0')
      let said = ''
      client.stderr.on('data', (chunk) => (said += chunk))
      await sleep(WATCHED_MS)
      client.kill()
      const pauses = [...said.matchAll(/DHCPDISCOVER .* interval (\d+)/g)].map(([, seconds]) => Number(seconds))
      assert.ok(pauses.length >= 2, said)
      assert.ok(pauses[0]! <= 2, `${pauses[0]} s before the second question`)
      assert.ok(Math.max(...pauses) <= LONGEST_PAUSE_S, `pauses of ${pauses.join(', ')} s`)
    } finally {
      ns.remove()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
