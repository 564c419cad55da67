#include "standing-queue.h"

/*
 * A queue may be there for so long, ns, and loses one packet in so long: the round trips of a LAN, and a time slice of a
 * busy machine. One fast stream keeps a window far below a millisecond's worth; fifty streams, of which each loses four
 * packets a second, some 10 ms.
 */
#define PATIENCE_NS 5000000
/* Lanes are compared over so long, ns: each that sends much has sent then. */
#define PERIOD_NS 100000000

void queue_empty(standing_queue_t *queue) {
  queue->since = 0;
}

static bool is_due(standing_queue_t *queue, int64_t now) {
  if (queue->since == 0) {
    queue->since = now;
    queue->next = now + PATIENCE_NS;
  }
  return now >= queue->next;
}

static void count_share(standing_queue_t *queue, share_t *share, size_t length, int64_t now) {
  int64_t period = now / PERIOD_NS + 1;
  if (queue->period != period) {
    bool is_next = queue->period + 1 == period;
    queue->bytes_before = is_next ? queue->bytes : 0;
    queue->lanes_before = is_next ? queue->lanes : 0;
    queue->bytes = 0;
    queue->lanes = 0;
    queue->period = period;
  }
  if (share->period != period) {
    share->before = share->period + 1 == period ? share->bytes : 0;
    share->bytes = 0;
    share->period = period;
    queue->lanes++;
  }
  share->bytes += length;
  queue->bytes += length;
}

bool queue_took(standing_queue_t *queue, share_t *share, size_t length, int64_t now) {
  count_share(queue, share, length, now);
  if (!is_due(queue, now) || length < DROP_FROM) return false;
  if (share->before * queue->lanes_before < queue->bytes_before) return false;
  queue->next = now + PATIENCE_NS;
  return true;
}
