import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import {
  CONDOR_PATHS,
  type ConfigurationFacts,
  classAdString,
  paceOf,
  templateValues,
} from '../../agent/condor/configuration.ts'
import { withBlock } from '../../agent/condor/hosts-file.ts'
import { type CondorOptions, condorSettings } from '../../agent/condor/settings.ts'
import { renderAll } from '../../agent/condor/templates.ts'
import { codeOf, messageOf } from '../../agent/core/errors.ts'
import { type Ip4, parseIp4 } from '../../agent/core/ip.ts'
import { toAddress } from '../../agent/overlay/address.ts'

const scratch = mkdtempSync(join(tmpdir(), 'wow-condor-'))
after(() => rmSync(scratch, { recursive: true }))

const ip = (text: string): Ip4 => {
  const parsed = parseIp4(text)
  assert.ok(parsed !== undefined)
  return parsed
}

function facts(options: CondorOptions = {}, more: Partial<ConfigurationFacts> = {}): ConfigurationFacts {
  return {
    settings: condorSettings(options),
    paths: CONDOR_PATHS,
    namespaceId: 'abcdef',
    domain: 'lab.wow',
    ip: ip('10.128.0.3'),
    node: toAddress(7n),
    manager: ip('10.128.0.2'),
    leading: false,
    hosts: 3,
    flock: [],
    hardware: undefined,
    ...more,
  }
}

/** The configuration's settings, as a map from name to value; the last line for a name counts, as in HTCondor. */
async function configuration(of: ConfigurationFacts): Promise<Map<string, string>> {
  const texts = await renderAll(templateValues(of), join(scratch, 'none'))
  const lines = [...texts.values()].flatMap((text) => text.split('\n')).filter((line) => line.includes(' = '))
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(' = ')), line.slice(line.indexOf(' = ') + 3)]))
}

describe('the configuration of HTCondor', () => {
  test('gives each role its daemons', async () => {
    const daemons = async (options: CondorOptions, leading: boolean) =>
      (await configuration(facts(options, { leading }))).get('DAEMON_LIST')
    assert.equal(await daemons({}, false), 'MASTER STARTD SCHEDD')
    assert.equal(await daemons({}, true), 'MASTER COLLECTOR NEGOTIATOR STARTD SCHEDD')
    assert.equal(await daemons({ role: 'worker' }, true), 'MASTER COLLECTOR NEGOTIATOR STARTD')
    assert.equal(await daemons({ role: 'submit' }, false), 'MASTER SCHEDD')
  })

  test('listens on the virtual network only, and trusts the domain of the namespace, never a host', async () => {
    const config = await configuration(facts())
    assert.equal(config.get('CONDOR_HOST'), '10.128.0.2')
    assert.equal(config.get('NETWORK_INTERFACE'), '10.128.0.3')
    assert.equal(config.get('BIND_ALL_INTERFACES'), 'False')
    assert.equal(config.get('NETWORK_HOSTNAME'), 'n10-128-0-3.lab.wow')
    assert.equal(config.get('TRUST_DOMAIN'), 'lab.wow')
    assert.equal(config.get('UID_DOMAIN'), 'lab.wow')
    const allowed = [...config].filter(([name]) => name.startsWith('ALLOW_'))
    for (const [name, value] of allowed) assert.doesNotMatch(value, /(^|\s)\*(\s|$|\/)/, name)
  })

  test('says what the machine is, and no value can end its line or begin a macro', async () => {
    const hardware = { hypervisor: 'kvm', model: 'A "PC"\nALLOW_WRITE = * $(HOME) \\', hasBattery: false }
    const config = await configuration(facts({}, { hardware }))
    assert.equal(config.get('WOW_Hypervisor'), '"kvm"')
    assert.equal(config.get('WOW_Model'), '"A  PC  ALLOW_WRITE = *  (HOME)"')
    assert.equal(config.get('ALLOW_WRITE'), '*@lab.wow')
    assert.equal(classAdString('x'.repeat(1_000)).length, 102)
  })

  test('ranks jobs of the own group first, and suspends jobs of a desktop whose owner is back, when asked to', async () => {
    assert.equal((await configuration(facts())).get('RANK'), undefined)
    const config = await configuration(facts({ group: 'lab', policy: 'idle' }))
    assert.match(config.get('RANK') ?? '', /WOW_Group/)
    assert.equal(config.get('SUBMIT_ATTRS'), '$(SUBMIT_ATTRS) WOW_Group')
    assert.match(config.get('START') ?? '', /WOW_OnBattery/)
    assert.equal(config.get('STARTD_CRON_WOW_ARGS'), '/run/wow/machine.ad')
  })

  test('names the pools to flock to', async () => {
    const config = await configuration(facts({ flock: ['a', 'b'] }, { flock: [ip('10.128.0.8'), ip('10.128.0.9')] }))
    assert.equal(config.get('FLOCK_TO'), '10.128.0.8, 10.128.0.9')
    assert.equal((await configuration(facts())).has('FLOCK_TO'), false)
  })

  test('slows down as the pool grows, in few steps, and never beyond what HTCondor does by default', () => {
    assert.equal(paceOf(1).updateS, 60)
    assert.equal(paceOf(100).updateS, 60)
    assert.equal(paceOf(101).updateS, 120)
    assert.deepEqual(paceOf(150), paceOf(200))
    const { updateS, collectorS, negotiatorS, leaseS } = paceOf(1_000_000)
    assert.deepEqual([updateS, collectorS, negotiatorS, leaseS], [300, 900, 60, 2_400])
    for (const hosts of [1, 300, 5_000]) assert.ok(paceOf(hosts).lifetimeS > 2 * paceOf(hosts).updateS)
  })
})

describe("the templates of the machine's owner", () => {
  test('replace ours by name, and may be more', async () => {
    const folder = mkdtempSync(join(scratch, 'own-'))
    writeFileSync(join(folder, '95-mine.conf.hbs'), 'MINE = {{ip}}\n')
    writeFileSync(join(folder, '92-wow-pace.conf.hbs'), 'UPDATE_INTERVAL = 5\n')
    writeFileSync(join(folder, 'notes.txt'), 'no template')
    const texts = await renderAll(templateValues(facts()), folder)
    assert.equal(texts.get('95-mine.conf'), 'MINE = 10.128.0.3\n')
    assert.equal(texts.get('92-wow-pace.conf'), 'UPDATE_INTERVAL = 5\n')
    assert.equal(texts.has('notes.txt'), false)
  })

  test('that do not render are named', async () => {
    for (const text of ['{{#if}', '{{nobodyKnowsThis}}', '{{> other}}']) {
      const folder = mkdtempSync(join(scratch, 'bad-'))
      writeFileSync(join(folder, '95-bad.conf.hbs'), text)
      await assert.rejects(renderAll(templateValues(facts()), folder), (error) => {
        assert.equal(codeOf(error), 'CONDOR_TEMPLATE')
        assert.match(messageOf(error), /95-bad\.conf\.hbs does not render: [^\n]+$/)
        return true
      })
    }
  })
})

describe('the names in /etc/hosts', () => {
  const names = { domain: 'lab.wow', own: ip('10.128.0.3'), hostname: 'desk', others: [ip('10.128.0.2')] }
  const HOSTS = '127.0.0.1 localhost\n# a note\n192.0.2.1 printer\n'

  test('come in a block of their own, which is replaced and leaves every other line alone', () => {
    const first = withBlock(HOSTS, names)
    assert.ok(first.startsWith(HOSTS))
    assert.match(first, /^10\.128\.0\.3 n10-128-0-3\.lab\.wow n10-128-0-3 desk$/m)
    assert.match(first, /^10\.128\.0\.2 n10-128-0-2\.lab\.wow n10-128-0-2$/m)
    assert.equal(withBlock(first, names), first)
    const moved = withBlock(`${first}192.0.2.2 scanner\n`, { ...names, others: [ip('10.128.0.9')] })
    assert.doesNotMatch(moved, /10\.128\.0\.2 /)
    assert.match(moved, /printer\n(.*\n)*.*scanner/)
  })

  test("add the machine's own name only where no line has it", () => {
    assert.doesNotMatch(withBlock(`${HOSTS}127.0.1.1 desk\n`, names), /10\.128\.0\.3 .*desk/)
    assert.match(withBlock(`${HOSTS}# 127.0.1.1 desk\n`, names), /10\.128\.0\.3 .*desk/)
  })
})
