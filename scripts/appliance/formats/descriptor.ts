/** The small files beside a disk, from templates/descriptors. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { templatesFolder } from '../../lib/paths.ts'
import { render, type Values } from '../../lib/render.ts'

/** Renders `template` to `path` and returns the text; anyone may read the file, since it contains no secret. */
export function descriptorFile(template: string, values: Values, path: string): string {
  const text = render(join(templatesFolder, 'descriptors', template), values)
  writeFileSync(path, text, { mode: 0o644 })
  return text
}
