/** libp2p's log lines in ours. */

import type { ComponentLogger, Logger } from '@libp2p/interface'
import type { Log } from '../../core/log.ts'

/** libp2p reports every refused dial as an error; for us that is debug detail. */
export function quietLogger(log: Log): ComponentLogger {
  const quiet = (name: string): Logger => {
    const logger = (): void => {}
    return Object.assign(logger, {
      enabled: false,
      trace() {},
      error(format: unknown, ...parts: unknown[]) {
        log.debug(`${name}: ${String(format)}`, { parts: parts.map(String) })
      },
      newScope: (scope: string) => quiet(`${name}:${scope}`),
    })
  }
  return { forComponent: quiet }
}
