/**
 * The pool's names in `/etc/hosts`: without the machine's own name there, every HTCondor tool stalls.
 *
 * Guarantees: only the block between our two marks changes; every other line stays as it is.
 */

import { readFileSync } from 'node:fs'
import { codeOf } from '../core/errors.ts'
import { writeWhole } from '../core/files.ts'
import { formatIp4, type Ip4 } from '../core/ip.ts'
import { hostNameOf } from './configuration.ts'

const BEGIN = '# wow: hosts of the pool, written by the agent'
const END = '# wow: end'

export interface Names {
  readonly domain: string
  /** This machine's address and host name. */
  readonly own: Ip4
  readonly hostname: string
  /** Other machines of the pool. */
  readonly others: readonly Ip4[]
}

/** @throws the system's error. */
export function writeHosts(path: string, names: Names): void {
  const before = readHosts(path)
  const after = withBlock(before, names)
  if (after !== before) writeWhole(path, after, 0o644)
}

/** `text` with the block for `names`. The block includes the machine's own host name unless another line has it. */
export function withBlock(text: string, { domain, own, hostname, others }: Names): string {
  const lines = text.split('\n')
  const begin = lines.indexOf(BEGIN)
  const end = lines.indexOf(END, begin)
  const kept = begin < 0 || end < 0 ? lines : [...lines.slice(0, begin), ...lines.slice(end + 1)]
  while (kept.at(-1) === '') kept.pop()
  const known = kept.some((line) => line.replace(/#.*/, '').split(/\s+/).slice(1).includes(hostname))
  const block = [...new Set([own, ...others])].map((ip) => {
    const alias = ip === own && !known ? ` ${hostname}` : ''
    return `${formatIp4(ip)} ${hostNameOf(ip)}.${domain} ${hostNameOf(ip)}${alias}`
  })
  return `${[...kept, BEGIN, ...block, END].join('\n')}\n`
}

function readHosts(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return ''
    throw error
  }
}
