/**
 * A node of a ring of its own in a process of its own, for `bench/strangers.ts`.
 *
 * The first argument is the ring's key in hex; `shared` for a node of a shared ring. It prints where it listens. Then it
 * answers each line of stdin with the CPU time that it has used so far, µs.
 */

import { createInterface } from 'node:readline'
import { SILENT } from '../../agent/core/log.ts'
import { createIdentity } from '../../agent/transport/identity.ts'
import { createLibp2pLinks } from '../../agent/transport/libp2p/links.ts'

const key = process.argv[2] ?? 'shared'
const links = await createLibp2pLinks({
  identity: await createIdentity(),
  listen: ['/ip4/127.0.0.1/tcp/0'],
  announce: [],
  mdns: false,
  ringKey: key === 'shared' ? undefined : new Uint8Array(Buffer.from(key, 'hex')),
  log: SILENT,
})
process.stdout.write(`${links.endpoints()[0]}\n`)
createInterface({ input: process.stdin }).on('line', () => {
  const { user, system } = process.cpuUsage()
  process.stdout.write(`${user + system}\n`)
})
