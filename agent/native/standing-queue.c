#include "standing-queue.h"

#include <math.h>

/* A queue may be there for so long, ns: the round trips of a LAN, and a time slice of a busy machine. */
#define PATIENCE_NS 10000000
/* Lanes are compared over so long, ns: each that sends much has sent then. */
#define PERIOD_NS 100000000

void queue_empty(standing_queue_t *queue) {
  queue->since = 0;
}

static bool is_due(standing_queue_t *queue, int64_t now) {
  if (queue->since == 0) {
    queue->since = now;
    queue->next = now + PATIENCE_NS;
    queue->drops = 0;
  }
  return now >= queue->next;
}

static void count_share(standing_queue_t *queue, share_t *share, size_t length, int64_t now) {
  if (now >= queue->period_ends) {
    queue->period++;
    queue->period_ends = now + PERIOD_NS;
    queue->bytes_before = queue->bytes;
    queue->lanes_before = queue->lanes;
    queue->bytes = 0;
    queue->lanes = 0;
  }
  if (share->period != queue->period) {
    share->before = share->period + 1 == queue->period ? share->bytes : 0;
    share->bytes = 0;
    share->period = queue->period;
    queue->lanes++;
  }
  share->bytes += length;
  queue->bytes += length;
}

bool queue_took(standing_queue_t *queue, share_t *share, size_t length, int64_t now) {
  count_share(queue, share, length, now);
  if (!is_due(queue, now) || length < DROP_FROM) return false;
  if (share->before * queue->lanes_before < queue->bytes_before) return false;
  queue->drops++;
  queue->next = now + (int64_t)(PATIENCE_NS / sqrt(queue->drops));
  return true;
}
