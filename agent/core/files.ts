/** Writes a file atomically: it is the old one or the new one, never half of each. */

import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Writes `content` beside `path`, syncs it, and renames it into place. The file gets `mode`, less the umask.
 *
 * @throws the system's error; the old file is then untouched and nothing is left beside it.
 */
export function writeWhole(path: string, content: string | Uint8Array, mode = 0o600): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = openSync(temporary, 'wx', mode)
    try {
      writeFileSync(file, content)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  syncFolder(dirname(path))
}

/** Makes a rename in `path` survive a power cut, where the file system can sync a folder. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } catch {
    // Some network and FUSE file systems refuse fsync on a folder; the rename itself has happened.
  } finally {
    closeSync(folder)
  }
}
