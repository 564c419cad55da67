/** The slow stages of an image, as Packer calls them: `packer-stage.ts packages|base|disks REQUEST`. */

import { InputError } from '../../agent/core/errors.ts'
import { run } from '../lib/main.ts'
import { readRequest } from './request.ts'
import { runStage, STAGES } from './stages.ts'

await run(async () => {
  const [name = '', path = ''] = process.argv.slice(2)
  const stage = STAGES.find((known) => known === name)
  if (stage === undefined) {
    throw new InputError('STAGE_UNKNOWN', `there is no stage "${name}"`, `Call one of: ${STAGES.join(', ')}`)
  }
  await runStage(stage, readRequest(path))
})
