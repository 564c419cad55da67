/** A file system as the checks see it, wherever it comes from. */

export interface Entry {
  /** Absolute. */
  readonly path: string
  readonly type: 'file' | 'folder' | 'link' | 'device'
  /** Permission bits, setuid and its like among them. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes. */
  readonly size: number
}

export interface Tree {
  readonly entries: readonly Entry[]
  /** The contents of files, by path; one that is not there has none. */
  read(paths: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>
}
