/** What went wrong on the links of one layer, for status and metrics. */

export interface LinkCounters {
  /** Bulk frames that were dropped because too much was waiting. */
  bulkDropped: number
  /** Frames above the limit that were not sent. */
  oversized: number
  /** Links closed because even control frames piled up. */
  stuck: number
  /** Links closed because the peer broke the protocol. */
  violations: number
  /** Incoming links that were refused. */
  refused: number
  /** Dials that ended without a link. */
  failedDials: number
}

export function noLinkCounts(): LinkCounters {
  return { bulkDropped: 0, oversized: 0, stuck: 0, violations: 0, refused: 0, failedDials: 0 }
}
