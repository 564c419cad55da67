/**
 * Reads a disk image's root file system with debugfs(8), without mounting it and as any user.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'zx'
import type { Entry, Tree } from './tree.ts'

/** Types by the first two octal digits of a mode. */
const TYPES: ReadonlyMap<string, Entry['type']> = new Map([
  ['04', 'folder'],
  ['10', 'file'],
  ['12', 'link'],
])
/** A line of `ls -p`: inode, mode, user, group, name, size, each between slashes, which no name contains. */
const LISTED = /^\/(\d+)\/(\d{6})\/(\d+)\/(\d+)\/([^/]*)\/(\d*)\/$/

/** Reads the file system that begins at byte `offset` of the raw image. */
export async function readExt4(image: string, offset: number): Promise<Tree> {
  const device = `${image}?offset=${offset}`
  const entries: Entry[] = []
  let folders = ['']
  while (folders.length > 0) {
    const found = await listFolders(device, folders)
    entries.push(...found)
    folders = found.filter(({ type }) => type === 'folder').map(({ path }) => path)
  }
  return { entries, read: (paths) => readFiles(device, paths) }
}

async function listFolders(device: string, folders: readonly string[]): Promise<Entry[]> {
  const entries: Entry[] = []
  let index = -1
  const output = await debugfs(
    device,
    folders.map((folder) => `ls -p ${quoted(`${folder}/`)}`),
  )
  for (const line of output.split('\n')) {
    if (line.startsWith('debugfs: ')) {
      index++
      continue
    }
    const match = LISTED.exec(line)
    if (match === null) continue
    const [, inode, mode = '', uid, gid, name = '', size] = match
    // Inode 0 marks a removed entry.
    if (inode === '0' || name === '.' || name === '..') continue
    entries.push({
      path: `${folders[index] ?? ''}/${name}`,
      type: TYPES.get(mode.slice(0, 2)) ?? 'device',
      mode: Number.parseInt(mode.slice(2), 8),
      uid: Number(uid),
      gid: Number(gid),
      size: Number(size),
    })
  }
  return entries
}

async function readFiles(device: string, paths: readonly string[]): Promise<Map<string, Uint8Array>> {
  const contents = new Map<string, Uint8Array>()
  const scratch = mkdtempSync(join(tmpdir(), 'wow-ext4-'))
  try {
    await debugfs(
      device,
      paths.map((path, index) => `dump ${quoted(path)} ${join(scratch, String(index))}`),
    )
    for (const [index, path] of paths.entries()) {
      try {
        contents.set(path, readFileSync(join(scratch, String(index))))
      } catch {
        // There is no such file.
      }
    }
    return contents
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

/** What debugfs prints for each command, after the command itself. */
async function debugfs(device: string, commands: readonly string[]): Promise<string> {
  const { stdout } = await $({ quiet: true, input: `${commands.join('\n')}\n` })`debugfs -f - ${device}`
  return stdout
}

const quoted = (path: string) => `"${path.replaceAll('"', '""')}"`
