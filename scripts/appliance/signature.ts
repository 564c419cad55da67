/**
 * A signature over SHA256SUMS, and so over everything in dist/<namespace>. It is an SSH signature (`ssh-keygen -Y`):
 * anyone who has an SSH key can make one, and anyone who has OpenSSH can check it.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InputError } from '../../agent/core/errors.ts'

/** What the signature is for: a signature made for something else does not count. */
export const SIGNATURE_NAMESPACE = 'wow-appliance'

/** Signs `file` and writes the signature to `file.sig`. @throws InputError when the key cannot sign. */
export function sign(file: string, key: string): void {
  const argv = ['-Y', 'sign', '-q', '-f', key, '-n', SIGNATURE_NAMESPACE, file]
  // Only an agent may ask for a passphrase: here there may be nobody to answer.
  const env = { ...process.env, SSH_ASKPASS_REQUIRE: 'never', SSH_ASKPASS: '' }
  const { status, stderr } = spawnSync('ssh-keygen', argv, {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  if (status === 0) return
  throw new InputError(
    'SIGN_KEY_UNUSABLE',
    `SIGN_KEY: ${key} cannot sign: ${stderr.trim().split('\n').at(-1) ?? 'ssh-keygen did not say why'}`,
    'Name the private half of an SSH key without a passphrase, or the public half of one that ssh-agent holds',
  )
}

/** Tries the key, before anything is built. @throws InputError when it cannot sign. */
export function checkSignKey(key: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'wow-sign-'))
  try {
    const probe = join(folder, 'probe')
    writeFileSync(probe, 'probe')
    sign(probe, key)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export interface SignatureCheck {
  readonly ok: boolean
  readonly detail: string
}

/** Whether `file.sig` signs `file`: with the public key in the file `signer`, or by default with any key. */
export function checkSignature(file: string, signer: string | undefined): SignatureCheck {
  const input = readFileSync(file)
  const common = ['-n', SIGNATURE_NAMESPACE, '-s', `${file}.sig`]
  if (signer === undefined) return verdict(spawnSync('ssh-keygen', ['-Y', 'check-novalidate', ...common], { input }))
  const folder = mkdtempSync(join(tmpdir(), 'wow-signers-'))
  try {
    const signers = join(folder, 'allowed')
    writeFileSync(signers, `signer ${readFileSync(signer, 'utf8').trim()}\n`)
    return verdict(spawnSync('ssh-keygen', ['-Y', 'verify', '-f', signers, '-I', 'signer', ...common], { input }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function verdict({
  status,
  stdout,
  stderr,
}: {
  status: number | null
  stdout: Buffer
  stderr: Buffer
}): SignatureCheck {
  return { ok: status === 0, detail: `${stdout}${stderr}`.trim().split('\n').at(-1) ?? '' }
}
