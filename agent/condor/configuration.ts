/**
 * This machine's HTCondor configuration: a pure function from the facts to the templates' values.
 *
 * Guarantees: text from outside (a hypervisor's DMI tables, a host name) is made harmless: no value can end a line of
 * the configuration or begin a macro.
 */

import { formatIp4, type Ip4 } from '../core/ip.ts'
import { type Address, formatAddress } from '../overlay/address.ts'
import type { CondorSettings } from './settings.ts'

/** Where things are on the machine. */
export interface CondorPaths {
  readonly config: string
  readonly passwords: string
  readonly tokens: string
  readonly userTokens: string
  /** The machine owner's templates. */
  readonly templates: string
  readonly hosts: string
  readonly machineAd: string
  /** Where the host reports its owner's activity. */
  readonly owner: string
  /** HTCondor counts as installed when this program exists. */
  readonly master: string
}

export const CONDOR_PATHS: CondorPaths = {
  config: '/etc/condor/config.d',
  passwords: '/etc/condor/passwords.d',
  tokens: '/etc/condor/tokens.d',
  userTokens: '/etc/condor/wow-tokens',
  templates: '/etc/wow/condor',
  hosts: '/etc/hosts',
  machineAd: '/run/wow/machine.ad',
  owner: '/run/wow/owner.json',
  master: '/usr/sbin/condor_master',
}

/** From systeminformation; undefined: not known yet, or the machine does not say. */
export interface Hardware {
  readonly hypervisor: string | undefined
  readonly model: string | undefined
  readonly hasBattery: boolean
}

export interface ConfigurationFacts {
  readonly settings: CondorSettings
  readonly paths: CondorPaths
  readonly namespaceId: string
  readonly domain: string
  readonly ip: Ip4
  readonly node: Address
  readonly manager: Ip4
  readonly leading: boolean
  /** Number of hosts in the pool. */
  readonly hosts: number
  /** The managers of the pools to flock to, in the order of the settings. */
  readonly flock: readonly Ip4[]
  readonly hardware: Hardware | undefined
}

/** A machine's owner counts as away after this, s. */
const OWNER_AWAY_S = 300
/** Up to this many hosts the intervals are shortest; they double with the pool, so a new host rarely changes them. */
const QUICK_HOSTS = 100
/** HTCondor's own defaults, s, to which the intervals grow. */
const SLOWEST = { updateS: 300, collectorS: 900, negotiatorS: 60, cycleDelayS: 20, minCycleS: 5, leaseS: 2_400 }
/** One machine's ads are about 38 KB: once a minute, that is 0.6 KB/s. Changes are sent at once anyway. */
const QUICKEST = { updateS: 60, collectorS: 60, negotiatorS: 10, cycleDelayS: 2, minCycleS: 1, leaseS: 120 }
/** An ad may be missed twice before its machine counts as gone. */
const LIFETIME_UPDATES = 3

/** A host's name contains its address, so neither needs a lookup. */
export function hostNameOf(ip: Ip4): string {
  return `n${formatIp4(ip).replaceAll('.', '-')}`
}

export function templateValues(facts: ConfigurationFacts): Readonly<Record<string, unknown>> {
  const { settings, paths, domain, ip, manager, leading, hosts, flock } = facts
  const { role, policy, group, pool } = settings
  return {
    leading,
    executes: role !== 'submit',
    submits: role !== 'worker',
    manager: formatIp4(manager),
    pool,
    domain,
    ip: formatIp4(ip),
    hostname: `${hostNameOf(ip)}.${domain}`,
    folders: { passwords: paths.passwords, tokens: paths.tokens, userTokens: paths.userTokens },
    flock: flock.map(formatIp4).join(', '),
    attributes: attributesOf(facts),
    group: group ?? '',
    idlePolicy: policy === 'idle',
    ownerAwayS: OWNER_AWAY_S,
    machineAd: paths.machineAd,
    pace: paceOf(hosts),
  }
}

function attributesOf({ namespaceId, ip, node, hardware }: ConfigurationFacts): { name: string; value: string }[] {
  const attributes: [string, string | undefined][] = [
    ['WOW_Namespace', namespaceId],
    ['WOW_Node', formatAddress(node)],
    ['WOW_Ip', formatIp4(ip)],
    ['WOW_Hypervisor', hardware?.hypervisor],
    ['WOW_Model', hardware?.model],
  ]
  const known = attributes.flatMap(([name, text]) => (text === undefined ? [] : [{ name, value: classAdString(text) }]))
  if (hardware === undefined) return known
  return [...known, { name: 'WOW_HasBattery', value: hardware.hasBattery ? 'True' : 'False' }]
}

/** Keeps printable ASCII, without characters that are special in ClassAds or HTCondor's macros. */
export function classAdString(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]|["\\$]/g, ' ').trim()
  return `"${plain.slice(0, 100)}"`
}

export type Pace = typeof QUICKEST & { readonly hosts: number; readonly lifetimeS: number }

/** The intervals for a pool of about `hosts` hosts. */
export function paceOf(hosts: number): Pace {
  const factor = 2 ** Math.ceil(Math.log2(Math.max(1, hosts / QUICK_HOSTS)))
  const grown = (name: keyof typeof QUICKEST) => Math.min(QUICKEST[name] * factor, SLOWEST[name])
  const updateS = grown('updateS')
  return {
    hosts: QUICK_HOSTS * factor,
    updateS,
    lifetimeS: updateS * LIFETIME_UPDATES,
    collectorS: grown('collectorS'),
    negotiatorS: grown('negotiatorS'),
    cycleDelayS: grown('cycleDelayS'),
    minCycleS: grown('minCycleS'),
    leaseS: grown('leaseS'),
  }
}
