/**
 * Formats: what `FORMATS=` chooses. Each is one disk container, or an archive around one, with the description that its
 * hypervisor reads.
 */

import type { Flavour } from '../base/flavour.ts'
import type { ContainerName } from '../disks/registry.ts'

/** What a format gets when it is baked. */
export interface BakeContext {
  readonly flavour: Flavour
  /** Stem of all file names, such as `wow-lab`. */
  readonly basename: string
  /** One line that says what this is; no secret. */
  readonly title: string
  /** Where the finished files go, flat. */
  readonly folder: string
  /** For intermediate files; this format's own. */
  readonly scratch: string
  /** Size of the disk, bytes. */
  readonly capacity: number
  /** Writes the disk with the namespace in it to `path`; `name` is the file's final name. */
  disk(container: ContainerName, path: string, name: string): Promise<void>
}

export interface Format {
  readonly containers: readonly ContainerName[]
  /** One line that helps a user choose. */
  readonly about: string
  bake(context: BakeContext): Promise<void>
}
