import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { StatusScreen, screenLines } from '../../agent/control/status-screen.ts'
import { SystemRandom } from '../../agent/core/random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { member, wholeRing, youngAgent } from './facts.ts'

const folder = mkdtempSync(join(tmpdir(), 'wow-screen-'))
after(() => rmSync(folder, { recursive: true }))

const whole = () => ({
  ...youngAgent(),
  ring: wholeRing(),
  namespace: member(),
  dhtReady: true,
  endpoints: ['/ip4/192.0.2.1'],
})

describe('the status screen', () => {
  test('says the address, the namespace, the ring and the last problem', () => {
    const text = screenLines(whole(), 'wow-1234', 'none').join('\n')
    assert.match(text, /on wow-1234/)
    assert.match(text, /virtual IP +10\.128\.0\.7 \(for 100 s\)/)
    assert.match(text, /ring +about 3 nodes/)
    assert.match(text, /last problem +none/)
  })

  test('says of a node that only just started what is not known yet', () => {
    const text = screenLines(youngAgent(), 'wow', 'none').join('\n')
    assert.match(text, /virtual IP +none yet/)
    assert.match(text, /ring +not connected yet/)
  })

  test('shows the lines of the console, a problem only when it lasts, and goes on without a terminal', async () => {
    const path = join(folder, 'tty')
    writeFileSync(path, '')
    const clock = new VirtualClock()
    const screen = new StatusScreen({ path, facts: youngAgent, clock, random: new SystemRandom() })
    screen.line('wow: phase=started ms=5')
    assert.match(readFileSync(path, 'utf8'), /last problem +none[\s\S]*wow: phase=started ms=5/)
    await clock.runUntil(60_000)
    assert.match(readFileSync(path, 'utf8'), /last problem +LISTENING: /)
    rmSync(path)
    screen.line('wow: phase=ready ms=9')
    screen.close()
  })
})
