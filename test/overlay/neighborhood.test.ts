import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Address, addressFromBytes, distance, toAddress } from '../../agent/overlay/address.ts'
import { drawFarTarget, wantedFarLinks } from '../../agent/overlay/far-links.ts'
import { estimateSize, nearest } from '../../agent/overlay/neighborhood.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'

const at = (n: number): Address => toAddress(BigInt(n))

describe('neighbourhood', () => {
  test('the nearest on each side come in order and wrap round zero', () => {
    const others = [at(5), at(20), at(-3), at(-40), at(90)]
    assert.deepEqual(nearest(at(0), 'right', others, 2), [at(5), at(20)])
    assert.deepEqual(nearest(at(0), 'left', others, 2), [at(-3), at(-40)])
  })

  test('a node is not its own neighbour', () => {
    assert.deepEqual(nearest(at(7), 'left', [at(7), at(9)], 2), [at(9)])
  })

  test('in a small ring, where both sides meet, the size is exact', () => {
    for (let n = 1; n <= 5; n++) {
      const others = Array.from({ length: n - 1 }, (_, i) => at(100 * (i + 1)))
      const left = nearest(at(0), 'left', others, 2)
      const right = nearest(at(0), 'right', others, 2)
      assert.equal(estimateSize(at(0), left, right), n)
    }
  })

  test('in a large ring the estimates of all nodes have about the true size as their median', () => {
    const random = new SeededRandom(7)
    const nodes = Array.from({ length: 1_000 }, () => addressFromBytes(random.bytes(20)))
    const estimates = nodes
      .map((self) => estimateSize(self, nearest(self, 'left', nodes, 4), nearest(self, 'right', nodes, 4)))
      .sort((a, b) => a - b)
    const median = estimates[500]!
    assert.ok(median > 700 && median < 1_500, `median ${median}`)
  })

  test('far links are drawn so that every doubling of the distance is equally likely', () => {
    const random = new SeededRandom(3)
    const size = 1_024
    const perOctave = new Array<number>(10).fill(0)
    for (let i = 0; i < 10_000; i++) {
      const away = distance(at(0), drawFarTarget(at(0), size, random))
      const octave = Math.floor(Math.log2(Number(away)) - 150)
      if (octave >= 0 && octave < 9) perOctave[octave]!++
    }
    for (const count of perOctave.slice(0, 9)) assert.ok(count > 700 && count < 1_300, String(perOctave))
  })

  test('a ring whose near links reach everybody wants no far links; else log2 of its size, but no more than there are', () => {
    assert.equal(wantedFarLinks(5), 0)
    assert.equal(wantedFarLinks(6), 1)
    assert.equal(wantedFarLinks(12), 4)
    assert.equal(wantedFarLinks(100), 7)
    assert.equal(wantedFarLinks(10_000), 13)
  })
})
