import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { describe, test } from 'node:test'

/** Prints the file-backed memory before and after `giveBack`, and results of code that runs afterwards. */
const PROGRAM = `
  const { readFileSync } = require('node:fs')
  const mapped = (field) => Number(new RegExp(field + ':\\\\s+(\\\\d+)').exec(readFileSync('/proc/self/status', 'utf8'))[1])
  const before = mapped('RssFile')
  require('./build/tap.node').giveBack()
  const after = mapped('RssFile')
  const digest = require('node:crypto').createHash('sha256').update('wow').digest('hex')
  const month = new Intl.DateTimeFormat('en', { month: 'long', timeZone: 'UTC' }).format(0)
  console.log(JSON.stringify({ before, after, digest, month }))`

describe('giving memory back', { skip: existsSync('build/tap.node') ? false : 'needs build/tap.node' }, () => {
  test('unmaps most of the program, which then still does all that it did', () => {
    const shown = execFileSync(process.execPath, ['-e', PROGRAM], { encoding: 'utf8' })
    const { before, after, digest, month } = JSON.parse(shown) as Record<string, number | string>
    assert.ok(Number(after) < Number(before) / 2, `${after} of ${before} kB`)
    assert.equal(digest, 'b6dc933311bc2357cc5fc636a4dbe41a01b7a33b583d043a7f870f3440697e27')
    assert.equal(month, 'January')
  })
})
