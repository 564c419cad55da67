import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { Bottleneck, StreamPair, type Weather } from './stream-pair.ts'

const MEBIBYTE = 2 ** 20

/** Bytes/ms of 1 Mbit/s. */
const MEGABIT = 125

interface Line {
  readonly megabits: number
  readonly bufferMs: number
}

function bottleneckOf(clock: VirtualClock, { megabits, bufferMs }: Line): Bottleneck {
  const rate = megabits * MEGABIT
  return new Bottleneck(clock, { rate, buffer: rate * bufferMs })
}

/** Mbit/s of what the receiver gets, and how much more was sent. */
async function goodput(weather: Partial<Weather>, mebibytes: number, line?: Line) {
  const clock = new VirtualClock()
  const bottleneck = line && bottleneckOf(clock, line)
  const pair = new StreamPair({ clock, weather, ...(bottleneck && { bottleneck }) })
  const ms = await pair.transfer(mebibytes * MEBIBYTE)
  return { megabits: (mebibytes * MEBIBYTE) / ms / MEGABIT, sent: pair.a.sentBytes / mebibytes / MEBIBYTE }
}

/** In virtual time, so every run gives the same figures. */
describe('a reliable stream carries', () => {
  const cases: [name: string, weather: Partial<Weather>, mebibytes: number, line: Line | undefined, least: number][] = [
    ['50 Mbit/s at a round trip of 50 ms and 2 % loss', { delayMs: 25, loss: 0.02 }, 16, undefined, 50],
    [
      'three quarters of 60 Mbit/s at 50 ms and 2 % loss',
      { delayMs: 25, loss: 0.02 },
      32,
      { megabits: 60, bufferMs: 20 },
      45,
    ],
    ['nearly all of 60 Mbit/s at 50 ms', { delayMs: 25 }, 32, { megabits: 60, bufferMs: 50 }, 54],
    ['most of 60 Mbit/s with a buffer too short to be seen', { delayMs: 25 }, 32, { megabits: 60, bufferMs: 3 }, 36],
    ['4 Mbit/s at 300 ms one way and 2 % loss', { delayMs: 300, loss: 0.02 }, 8, undefined, 4],
    ['900 Mbit/s of a LAN of 1 Gbit/s at 1 ms', { delayMs: 0.5 }, 64, { megabits: 1_000, bufferMs: 2 }, 900],
    ['20 Mbit/s at 50 ms where segments overtake each other', { delayMs: 25, jitterMs: 20 }, 8, undefined, 20],
  ]
  for (const [name, weather, mebibytes, line, least] of cases) {
    test(name, async (t) => {
      const { megabits, sent } = await goodput(weather, mebibytes, line)
      t.diagnostic(`${megabits.toFixed(1)} Mbit/s; ${sent.toFixed(3)} bytes sent for each that is asked for`)
      assert.ok(megabits > least, `${megabits.toFixed(1)} Mbit/s`)
      assert.ok(sent < 1.1, `${sent.toFixed(3)} bytes sent for each`)
    })
  }

  for (const [loss, bufferMs] of [
    [0, 10],
    [0, 50],
    [0.02, 50],
  ] as const) {
    test(`its fair share beside an older one: ${loss * 100} % loss, a buffer of ${bufferMs} ms`, async (t) => {
      const clock = new VirtualClock()
      const bottleneck = bottleneckOf(clock, { megabits: 20, bufferMs })
      const got = [0, 0]
      for (const i of [0, 1]) {
        const pair = new StreamPair({ clock, bottleneck, weather: { delayMs: 25, loss }, seed: i + 1 })
        pair.b.stream.onFrame = (frame) => {
          got[i]! += frame.length
        }
        const feed = () => {
          while (pair.a.stream.write(new Uint8Array(8_192), 'bulk')) {}
          clock.after(5, feed)
        }
        clock.after(i * 5_000, feed)
      }
      await clock.runUntil(20_000)
      const before = [...got]
      await clock.runUntil(40_000)
      const [older, younger] = got.map((bytes, i) => (bytes - before[i]!) / 20_000 / MEGABIT) as [number, number]
      const fairness = (older + younger) ** 2 / (2 * (older ** 2 + younger ** 2))
      t.diagnostic(`${older.toFixed(1)} and ${younger.toFixed(1)} of 20 Mbit/s, Jain's index ${fairness.toFixed(3)}`)
      assert.ok(fairness > 0.9, `Jain's index ${fairness.toFixed(3)}`)
      assert.ok(older + younger > 15, `${(older + younger).toFixed(1)} Mbit/s together`)
    })
  }
})
