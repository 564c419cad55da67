/**
 * A node's identity: an Ed25519 key in `identity.json` in its state folder, bound to the machine it was made on.
 *
 * The file is private (0600) and written whole. On another machine (a copied disk) the key is not used again: a copy is
 * a new node, so it gets a new identity, and `replaced` is true.
 */

import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyFromRaw, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import * as v from 'valibot'
import { concat } from '../core/bytes.ts'
import { type KeyPair, keyPairOf, SEED_BYTES } from '../core/ed25519.ts'
import { codeOf, InputError, messageOf } from '../core/errors.ts'
import { type Address, addressOfPublicKey } from '../overlay/address.ts'

export interface Identity {
  readonly privateKey: Ed25519PrivateKey
  /** As in multiaddrs: `12D3Koo…`. */
  readonly peerId: string
  readonly address: Address
}

export interface LoadedIdentity extends Identity {
  /** The stored identity was made on another machine and has been replaced by this new one. */
  readonly replaced: boolean
}

const FILE = 'identity.json'

const schema = v.strictObject({
  version: v.literal(1),
  /** libp2p's protobuf form, base64. */
  privateKey: v.pipe(v.string(), v.base64()),
  /** The machine's fingerprint; null when it had none: the identity is then bound to no machine. */
  machine: v.nullable(v.string()),
})

/** A new identity, not written to disk. */
export async function createIdentity(): Promise<Identity> {
  return identityOf(await generateKeyPair('Ed25519'))
}

/** The identity of a private key's seed, `SEED_BYTES` long (RFC 8032 section 5.1.5). */
export function identityFromSeed(seed: Uint8Array): Identity {
  const key = privateKeyFromRaw(concat(seed, keyPairOf(seed).publicKey))
  if (key.type !== 'Ed25519') throw new TypeError(`a key of type ${key.type}`)
  return identityOf(key)
}

/**
 * The identity in `stateDir`, made on the first run.
 *
 * @param machine this machine's fingerprint; null when it has none
 * @throws InputError when the file is damaged or the folder cannot be used; then nothing was written
 */
export async function loadOrCreateIdentity(stateDir: string, machine: string | null): Promise<LoadedIdentity> {
  const path = join(stateDir, FILE)
  const text = await readIfThere(path)
  const stored = text === undefined ? undefined : parse(text, path)
  const sameMachine = stored?.machine == null || machine === null || stored.machine === machine
  if (stored !== undefined && sameMachine) return { ...identityOf(stored.key), replaced: false }

  const identity = await createIdentity()
  await write(stateDir, path, { version: 1, privateKey: encodeKey(identity.privateKey), machine })
  return { ...identity, replaced: stored !== undefined }
}

/** The same key, for what is signed without libp2p. */
export function keyPairOfNode({ privateKey }: Identity): KeyPair {
  return keyPairOf(privateKey.raw.subarray(0, SEED_BYTES))
}

function identityOf(privateKey: Ed25519PrivateKey): Identity {
  return {
    privateKey,
    peerId: peerIdFromPrivateKey(privateKey).toString(),
    address: addressOfPublicKey(privateKey.publicKey.raw),
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw unusable(path, error)
  }
}

function parse(text: string, path: string): { key: Ed25519PrivateKey; machine: string | null } {
  try {
    const stored = v.parse(schema, JSON.parse(text))
    const key = privateKeyFromProtobuf(new Uint8Array(Buffer.from(stored.privateKey, 'base64')))
    if (key.type !== 'Ed25519') throw new TypeError(`a key of type ${key.type}`)
    return { key, machine: stored.machine }
  } catch (error) {
    throw new InputError(
      'IDENTITY_CORRUPT',
      `The node's identity in ${path} is damaged.`,
      'Restore the file from a backup, or remove it: the node then gets a new identity and a new address.',
      { cause: error },
    )
  }
}

function encodeKey(key: Ed25519PrivateKey): string {
  return Buffer.from(privateKeyToProtobuf(key)).toString('base64')
}

async function write(stateDir: string, path: string, stored: v.InferOutput<typeof schema>): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await makeFolder(stateDir)
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(`${JSON.stringify(stored, null, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {
      // The folder is unusable anyway; the first error says why.
    })
    throw unusable(stateDir, error)
  }
}

/** Not `mkdir` with `recursive`, which never returns for a folder below /proc, where each `mkdir` fails with ENOENT. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await mkdir(path, { mode: 0o700 })
  }
}

function unusable(path: string, cause: unknown): InputError {
  return new InputError(
    'STATE_UNUSABLE',
    `The state folder cannot be used: ${messageOf(cause)}.`,
    `Give a folder that this user may read and write with --state, or change the owner of ${path}.`,
    { cause },
  )
}
