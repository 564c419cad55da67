/** Keeps leases across a restart of the agent: one JSON file, 0600, written whole. It contains DHT passwords. */

import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { codeOf, InputError, messageOf } from '../core/errors.ts'
import { writeWhole } from '../core/files.ts'
import { formatIp4, type Ip4, type Mac, parseIp4 } from '../core/ip.ts'
import type { ClientId } from './lease.ts'

/** What is remembered of a client: its address, and the password that gets it the address again. */
export interface StoredLease {
  readonly client: ClientId
  readonly mac: Mac
  readonly ip: Ip4
  readonly password: Uint8Array
}

export interface LeaseStore {
  load(): StoredLease[]
  save(leases: readonly StoredLease[]): void
}

const fileSchema = v.object({
  version: v.literal(1),
  leases: v.array(
    v.object({
      client: v.string(),
      mac: v.pipe(v.string(), v.mac48()),
      ip: v.pipe(v.string(), v.ipv4()),
      password: v.pipe(v.string(), v.regex(/^[0-9a-f]{32,128}$/)),
    }),
  ),
})

export class LeaseFile implements LeaseStore {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** @throws InputError when the file exists but cannot be read or is corrupt. */
  load(): StoredLease[] {
    let text: string
    try {
      text = readFileSync(this.#path, 'utf8')
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return []
      throw new InputError(
        'STATE_UNREADABLE',
        `The state file ${this.#path} cannot be read: ${messageOf(error)}.`,
        'Run the agent as the user who owns its state folder.',
      )
    }
    try {
      return v.parse(fileSchema, JSON.parse(text)).leases.map(({ client, mac, ip, password }) => ({
        client: client as ClientId,
        mac: mac as Mac,
        ip: parseIp4(ip)!,
        password: new Uint8Array(Buffer.from(password, 'hex')),
      }))
    } catch (error) {
      throw new InputError(
        'STATE_CORRUPT',
        `The state file ${this.#path} is corrupt: ${messageOf(error)}.`,
        'Restore it from a copy, or delete it: the clients of this node then get new addresses.',
      )
    }
  }

  save(leases: readonly StoredLease[]): void {
    const rows = leases.map(({ client, mac, ip, password }) => ({
      client,
      mac,
      ip: formatIp4(ip),
      password: Buffer.from(password).toString('hex'),
    }))
    writeWhole(this.#path, `${JSON.stringify({ version: 1, leases: rows }, null, 2)}\n`)
  }
}
