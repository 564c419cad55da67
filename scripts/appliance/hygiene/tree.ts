/** A file system as the checks see it, whatever its source. */

export interface Entry {
  /** Absolute. */
  readonly path: string
  readonly type: 'file' | 'folder' | 'link' | 'device'
  /** Permission bits, including setuid, setgid and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes. */
  readonly size: number
}

export interface Tree {
  readonly entries: readonly Entry[]
  /** The contents of files, by path; a missing file has no entry. */
  read(paths: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>
}
