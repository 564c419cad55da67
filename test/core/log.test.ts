import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createLogger, type LoggerOptions } from '../../agent/core/log.ts'

function captured(options: Omit<LoggerOptions, 'write'>) {
  const lines: string[] = []
  return { lines, log: createLogger({ ...options, write: (line) => lines.push(line) }) }
}

describe('the logger', () => {
  test('writes one JSON object a line, with level, message and fields', () => {
    const { lines, log } = captured({ format: 'json' })
    log.warn('peer lost', { address: '6f', ms: 12 })
    assert.equal(lines.length, 1)
    const record = JSON.parse(lines[0]!) as Record<string, unknown>
    assert.equal(record.msg, 'peer lost')
    assert.equal(record.level, 40)
    assert.equal(record.address, '6f')
    assert.equal(record.ms, 12)
  })

  test('writes a line for people in text format', () => {
    const { lines, log } = captured({ format: 'text' })
    log.info('linked', { peer: 'abc', relayed: false })
    assert.match(lines[0]!, /^\d\d:\d\d:\d\d\.\d{3} info {2}linked peer=abc relayed=false\n$/)
  })

  test('keeps quiet below its level', () => {
    const { lines, log } = captured({ format: 'json', level: 'warn' })
    log.debug('noise')
    log.info('noise')
    log.error('signal')
    assert.equal(lines.length, 1)
  })

  for (const format of ['json', 'text'] as const) {
    test(`never shows a secret, at the top or one level down (${format})`, () => {
      const { lines, log } = captured({ format })
      log.error('bad config', {
        token: 'sesame1',
        config: { secret: 'sesame2', password: 'sesame3', privateKey: 'sesame4' },
      })
      assert.doesNotMatch(lines.join(''), /sesame/)
    })
  }

  test('survives fields that cannot be serialised', () => {
    const { lines, log } = captured({ format: 'text' })
    const circular: Record<string, unknown> = { size: 3n }
    circular.self = circular
    log.info('odd', { circular, missing: undefined })
    assert.match(lines[0]!, /odd/)
  })
})
