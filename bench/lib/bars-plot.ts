/** Draws measurements of different kinds, each a bar relative to its target, from `bench/lib/bars.svg.hbs`. */

import { inRoot } from '../../scripts/lib/paths.ts'
import { render } from '../../scripts/lib/render.ts'
import type { Target } from './targets.ts'

/** Pixels. */
const ROW = 24
const LABELS = 330
/** Length of a bar that just meets its target. */
const TARGET = 280
const TEXT = 120
const GAP = 8
const FOOT = 48
/** Longer bars are cut off at this multiple of their target. */
const LONGEST = 1.4

export function barsPlot(caption: string, targets: readonly Target[]): string {
  const barX = LABELS + GAP
  const bars = targets.map(({ name, unit, target, measured, met }, index) => {
    const length = Math.round(Math.min(measured / target, LONGEST) * TARGET)
    const colour = met ? '#3a7' : '#c63'
    return { name, unit, measured, length, colour, y: index * ROW + GAP, textX: barX + length + GAP }
  })
  const lineY = targets.length * ROW + GAP
  return render(inRoot('bench', 'lib', 'bars.svg.hbs'), {
    caption,
    bars,
    labelX: LABELS,
    barX,
    lineY,
    width: barX + TARGET * LONGEST + TEXT,
    height: lineY + FOOT,
    targetX: barX + TARGET,
    targetY: lineY + 14,
    captionY: lineY + FOOT - 8,
  })
}
