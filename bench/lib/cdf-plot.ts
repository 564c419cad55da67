/** Draws cumulative distributions side by side, like the paper's figures 4 and 5, from `bench/lib/cdf.svg.hbs`. */

import { inRoot } from '../../scripts/lib/paths.ts'
import { render } from '../../scripts/lib/render.ts'

export interface Curve {
  readonly title: string
  /** Measurements; not empty. */
  readonly values: readonly number[]
  readonly unit?: string
  /** Where to draw a line, and its label. */
  readonly target?: { readonly at: number; readonly label: string }
}

/** One panel's drawing area, pixels. */
const WIDTH = 360
const HEIGHT = 220
const MARGIN = { left: 60, top: 50, right: 30, bottom: 60 }
const PANEL = WIDTH + MARGIN.left + MARGIN.right
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 250, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000]
const MOST_TICKS = 7

export function cdfPlot(caption: string, curves: readonly Curve[]): string {
  return render(inRoot('bench', 'lib', 'cdf.svg.hbs'), {
    caption,
    width: PANEL * curves.length,
    height: HEIGHT + MARGIN.top + MARGIN.bottom,
    captionY: HEIGHT + MARGIN.top + MARGIN.bottom - 8,
    panels: curves.map((curve, index) => panel(curve, index * PANEL + MARGIN.left)),
  })
}

function panel({ title, values, target, unit = 'ms' }: Curve, x: number): Record<string, unknown> {
  const sorted = [...values].sort((a, b) => a - b)
  const largest = Math.max(target?.at ?? 0, sorted.at(-1) ?? 0)
  const step = STEPS.find((candidate) => largest / candidate < MOST_TICKS) ?? largest
  const end = Math.ceil((largest * 1.02) / step) * step
  const across = (ms: number) => Math.round((ms / end) * WIDTH * 10) / 10
  const up = (share: number) => Math.round((1 - share) * HEIGHT * 10) / 10
  const stairs = sorted.map((ms, i) => `H${across(ms)} V${up((i + 1) / sorted.length)}`)
  const times = Array.from({ length: end / step + 1 }, (_, i) => i * step)
  return {
    x,
    y: MARGIN.top,
    width: WIDTH,
    height: HEIGHT,
    middle: WIDTH / 2,
    titleY: -16,
    tickY: HEIGHT + 16,
    labelY: HEIGHT + 34,
    title,
    path: `M0 ${HEIGHT} ${stairs.join(' ')} H${WIDTH}`,
    target: target === undefined ? undefined : { x: across(target.at), label: target.label },
    unit,
    times: times.map((ms) => ({ x: across(ms), label: ms })),
    shares: [0, 0.25, 0.5, 0.75, 0.9, 1].map((share) => ({ y: up(share), label: `${share * 100} %` })),
  }
}
