/** Measured figures beside their targets. */

export interface Target {
  readonly name: string
  readonly unit: string
  readonly target: number
  /** More is better; otherwise less is. */
  readonly more?: true
  readonly measured: number
  readonly met: boolean
}

export function under(name: string, unit: string, target: number, measured: number): Target {
  return { name, unit, target, measured, met: measured < target }
}

export function atMost(name: string, unit: string, target: number, measured: number): Target {
  return { name, unit, target, measured, met: measured <= target }
}

export function atLeast(name: string, unit: string, target: number, measured: number): Target {
  return { name, unit, target, more: true, measured, met: measured >= target }
}

export const TARGET_HEADER = ['TARGET', 'UNDER', 'MEASURED', '']

export function targetRow({ name, unit, target, more, measured, met }: Target): string[] {
  const limit = `${more ? 'over ' : ''}${rounded(target)} ${unit}`.trim()
  return [name, limit, `${rounded(measured)} ${unit}`.trim(), met ? 'met' : 'MISSED']
}

/** Two decimals below ten, else one: finer than these measurements are. */
export function rounded(value: number): number {
  const scale = Math.abs(value) < 10 ? 100 : 10
  return Math.round(value * scale) / scale
}
