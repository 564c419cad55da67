/**
 * `make verify NS=<id or name>`: checks a dist/ folder as if it came from a stranger.
 *
 * It trusts nothing that the build knows: it reads every file again, with other tools where there are any. The exit
 * code is 1 when a check fails. JSON=1 prints the checks as JSON.
 */

import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { InputError } from '../agent/core/errors.ts'
import { looksLikeToken, parseToken } from '../agent/namespace/token.ts'
import { ensurePackages } from './lib/apt.ts'
import { Explained, run } from './lib/main.ts'
import { cacheFolder, distFolder } from './lib/paths.ts'
import { say, step } from './lib/progress.ts'
import { type Check, check, withScratch } from './verify/check.ts'
import { checkContents } from './verify/contents.ts'
import { checkFolder, readManifest } from './verify/folder.ts'
import { checkDescriptors, checkDisks, findDisks, rawDisk } from './verify/images.ts'

const TOOLS = ['e2fsprogs', 'fdisk', 'libvirt-clients', 'libvmdk-utils', 'libxml2-utils', 'mtools', 'openssh-client']
const MORE_TOOLS = ['qemu-utils', 'zstd']

await run(async () => {
  const folder = findFolder((process.env.NS ?? '').trim())
  const signer = process.env.SIGN_KEY?.trim() || undefined
  await ensurePackages([...TOOLS, ...MORE_TOOLS])
  const checks = await step(`verify ${relative(process.cwd(), folder)}`, () => verify(folder, signer))
  const ok = checks.every((each) => each.ok)
  if (process.env.JSON) process.stdout.write(`${JSON.stringify({ ok, folder, checks }, null, 2)}\n`)
  else for (const { ok, code, detail } of checks) say(`${ok ? 'ok  ' : 'FAIL'}  ${code.padEnd(12)}  ${detail}`)
  if (!ok) throw new Explained(1)
  say('All of it holds.')
})

async function verify(folder: string, signer: string | undefined): Promise<Check[]> {
  const checks = await checkFolder(folder, signer)
  // Files that failed these checks are not opened.
  if (checks.some(({ ok }) => !ok)) return checks
  mkdirSync(cacheFolder, { recursive: true })
  return await withScratch(cacheFolder, async (scratch) => {
    const { disks, checks: archives } = await findDisks(folder, scratch)
    checks.push(...archives, ...(await checkDescriptors(folder)))
    const raw = join(scratch, 'disk.raw')
    const opened = await check('RAW', async () => {
      await rawDisk(disks, raw)
      return `made of ${disks[0]?.name}`
    })
    checks.push(opened)
    if (!opened.ok) return checks
    return [...checks, ...(await checkDisks(disks, raw, scratch)), ...(await checkContents(raw, readManifest(folder)))]
  })
}

/** The folder dist/<id>, or the only one whose manifest gives the namespace this name. */
function findFolder(word: string): string {
  if (word === '') {
    throw new InputError(
      'NS_MISSING',
      'NS: no namespace was given',
      `Give one of dist/: NS=${known().join(' or NS=') || '<id>'}`,
    )
  }
  const id = looksLikeToken(word) ? parseToken(word).signed.id : word
  const folder = join(distFolder, id)
  if (/^[\w-]+$/.test(id) && existsSync(join(folder, 'manifest.json'))) return folder
  const named = known().filter((candidate) => nameOf(candidate) === word)
  if (named.length === 1) return join(distFolder, named[0] ?? '')
  throw new InputError(
    'NS_NOT_BUILT',
    named.length === 0 ? `NS: dist/ has no image of "${word}"` : `NS: ${named.length} namespaces are called "${word}"`,
    named.length === 0 ? `Bake one: make appliance NS=${word}` : `Give an id: ${named.join(', ')}`,
  )
}

function known(): string[] {
  return existsSync(distFolder) ? readdirSync(distFolder).filter((name) => nameOf(name) !== undefined) : []
}

function nameOf(id: string): string | undefined {
  try {
    return readManifest(join(distFolder, id)).namespace.name
  } catch {
    return undefined // Something else in dist/, such as the demo's report.
  }
}
