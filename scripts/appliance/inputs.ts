/**
 * The inputs of `make appliance`, checked before anything is built or written.
 */

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import * as v from 'valibot'
import { type CondorOptions, condorSchema, condorSection } from '../../agent/condor/settings.ts'
import { InputError, messageOf } from '../../agent/core/errors.ts'
import { looksLikeToken } from '../../agent/namespace/token.ts'
import { DEFAULT_FORMATS, FORMAT_NAMES, FORMATS, type FormatName } from './formats/registry.ts'

export interface Inputs {
  /** Id, name or token of a namespace; undefined: make one. */
  readonly namespace: string | undefined
  readonly flavour: string
  /** Folder of a customised base, absolute; undefined: the flavour's own. */
  readonly base: string | undefined
  readonly formats: readonly FormatName[]
  readonly bootstrap: readonly string[]
  readonly sshKeys: readonly string[]
  /** SSH key that signs the result; undefined: nothing is signed. */
  readonly signKey: string | undefined
  /** Settings of the HTCondor pool; undefined: the flavour's. */
  readonly condor: CondorOptions | undefined
  /** URL of a Debian mirror; undefined: mmdebstrap's own choice. */
  readonly mirror: string | undefined
}

/** Variables in which a token does not belong. */
const TOKENLESS = ['NAME', 'POOL', 'LEASE', 'FLAVOUR', 'BASE', 'FORMATS', 'BOOTSTRAP', 'SSH_KEY', 'SIGN_KEY', 'MIRROR']

/** @throws InputError that names the variable. */
export function readInputs(env: NodeJS.ProcessEnv): Inputs {
  const text = (name: string) => (env[name] ?? '').trim()
  for (const name of TOKENLESS) {
    if (!looksLikeToken(text(name))) continue
    // Other errors quote the wrong value; a token must not be quoted.
    throw new InputError('TOKEN_MISPLACED', `${name}: this is a join token, which is a secret`, 'Give it as NS=<token>')
  }
  return {
    namespace: text('NS') || undefined,
    flavour: text('FLAVOUR') || 'minimal',
    base: parseBase(text('BASE'), text('FLAVOUR')),
    formats: parseFormats(text('FORMATS')),
    bootstrap: parseBootstrap(text('BOOTSTRAP')),
    sshKeys: text('SSH_KEY') === '' ? [] : readSshKeys(text('SSH_KEY')),
    signKey: text('SIGN_KEY') || undefined,
    condor: text('CONDOR') === '' ? undefined : parseCondor(text('CONDOR')),
    mirror: parseMirror(text('MIRROR')),
  }
}

function parseBase(folder: string, flavour: string): string | undefined {
  if (folder === '') return undefined
  if (flavour === '') return resolve(folder)
  throw new InputError(
    'BASE_AND_FLAVOUR',
    'FLAVOUR: a customised base has one already',
    'Give BASE or FLAVOUR, not both',
  )
}

function words(list: string): string[] {
  return list.split(/[\s,]+/).filter((word) => word !== '')
}

export function parseFormats(list: string): FormatName[] {
  const chosen = new Set<FormatName>()
  for (const word of words(list)) {
    const format = FORMAT_NAMES.find((known) => known === word)
    if (format === undefined) {
      throw new InputError(
        'FORMAT_UNKNOWN',
        `FORMATS: "${word}" is no format`,
        `Choose of: ${FORMAT_NAMES.map((name) => `${name} (${FORMATS[name].about})`).join(', ')}`,
      )
    }
    chosen.add(format)
  }
  return chosen.size === 0 ? [...DEFAULT_FORMATS] : [...chosen]
}

export function parseBootstrap(list: string): string[] {
  return words(list).map((word) => {
    try {
      return multiaddr(word).toString()
    } catch (error) {
      throw new InputError(
        'BOOTSTRAP_INVALID',
        `BOOTSTRAP: "${word}" is no multiaddr: ${messageOf(error)}`,
        'Write it like /ip4/203.0.113.7/tcp/4001, several with commas between them',
      )
    }
  })
}

const PUBLIC_KEY =
  /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+=*( .*)?$/

/** The public keys in a file, one per line as in authorized_keys. @throws InputError */
export function readSshKeys(file: string): string[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new InputError('SSH_KEY_UNREADABLE', `SSH_KEY: cannot read ${file}: ${messageOf(error)}`, 'Name a .pub file')
  }
  if (/-----BEGIN .*PRIVATE KEY-----/.test(text)) {
    throw new InputError(
      'SSH_KEY_PRIVATE',
      `SSH_KEY: ${file} is a private key, which must never go into an image`,
      `Name its public half, usually ${file}.pub`,
    )
  }
  const keys = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (keys.length === 0) throw new InputError('SSH_KEY_EMPTY', `SSH_KEY: ${file} holds no key`, 'Name a .pub file')
  keys.forEach((key, index) => {
    if (PUBLIC_KEY.test(key)) return
    throw new InputError(
      'SSH_KEY_INVALID',
      `SSH_KEY: line ${index + 1} of the keys in ${file} is no OpenSSH public key`,
      'Name a .pub file, such as ssh-keygen writes',
    )
  })
  return keys
}

/** `role=worker,group=lab`, as `wow up --condor` takes it. */
export function parseCondor(text: string): CondorOptions {
  const result = v.safeParse(condorSchema, condorSection(text))
  if (result.success) return result.output
  const issue = result.issues[0]
  const message = issue.message.startsWith('must') ? issue.message : `must be ${issue.expected ?? 'something else'}`
  throw new InputError(
    'CONDOR_INVALID',
    `CONDOR: ${v.getDotPath(issue) ?? 'it'} ${message}`,
    'Write it like role=worker,group=lab (see docs/condor.md)',
  )
}

export function parseMirror(text: string): string | undefined {
  if (text === '') return undefined
  if (URL.canParse(text) && /^(https?|file|copy):/.test(text)) return text
  throw new InputError(
    'MIRROR_INVALID',
    `MIRROR: "${text}" is no URL of a Debian mirror`,
    'Write it like http://host/debian',
  )
}
