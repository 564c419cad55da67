/**
 * Structured logging.
 *
 * `Log` is small enough to fake in a test. `createLogger` makes the real one, over pino, on stderr: stdout is for the
 * command's output. Fields named after a secret are masked at the first two levels, whatever the caller passes; nothing
 * deeper than that should be logged at all.
 */

import { type DestinationStream, type Logger, pino } from 'pino'

export type Level = 'debug' | 'info' | 'warn' | 'error'
export type Fields = Readonly<Record<string, unknown>>

export interface Log {
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
}

export interface LoggerOptions {
  /** `json`: one JSON object a line. `text`: time, level, message and key=value, for people. */
  readonly format: 'json' | 'text'
  readonly level?: Level
  /** Where lines go; stderr unless a test says otherwise. */
  readonly write?: (line: string) => void
}

/** Logs nothing. */
export const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }

const SECRET_FIELDS = ['token', 'secret', 'password', 'privateKey']
const LEVEL_NAMES: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' }
/** What pino adds to every line besides the caller's fields. */
const OWN_FIELDS = new Set(['level', 'time', 'msg'])

export function createLogger(options: LoggerOptions): Log {
  const write = options.write ?? ((line: string) => process.stderr.write(line))
  const destination: DestinationStream = { write: options.format === 'json' ? write : (line) => write(asText(line)) }
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '[hidden]' },
    },
    destination,
  )
  return new PinoLog(logger)
}

class PinoLog implements Log {
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  debug(message: string, fields: Fields = {}): void {
    this.#logger.debug(fields, message)
  }

  info(message: string, fields: Fields = {}): void {
    this.#logger.info(fields, message)
  }

  warn(message: string, fields: Fields = {}): void {
    this.#logger.warn(fields, message)
  }

  error(message: string, fields: Fields = {}): void {
    this.#logger.error(fields, message)
  }
}

/** Formats a line of pino's JSON, already redacted, for people: `12:01:02.345 warn  peer lost address=6f… ms=12`. */
function asText(line: string): string {
  const record = JSON.parse(line) as Record<string, unknown>
  const level = LEVEL_NAMES[Number(record.level)] ?? 'info'
  const fields = Object.entries(record).filter(([name]) => !OWN_FIELDS.has(name))
  const tail = fields.map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return `${String(record.time).slice(11, 23)} ${level.padEnd(5)} ${String(record.msg)}${tail.join('')}\n`
}
