/* SPDX-License-Identifier: MIT */
/* How long the calls of hypercall 38 take, in ticks of the TSC, by kind and for
 * the host; and how many failed for want of the guest's page. */
#ifndef GUEST_TMEM_TIME_H
#define GUEST_TMEM_TIME_H

#include "types/words.h"

enum tmem_timed {
    TMEM_TIME_GET,      /* a hit */
    TMEM_TIME_PUT,      /* stored */
    TMEM_TIME_GET_FAIL, /* a miss, or it failed */
    TMEM_TIME_PUT_FAIL,
    TMEM_TIME_FLUSH,
    TMEM_TIME_FLUSH_OBJECT,
    TMEM_TIMED,
};

struct tmem_time {
    uint64_t count, sum;
    uint64_t most, least; /* 0 when none is counted */
};

/* One that took so long, on this CPU. */
void tmem_time_note(enum tmem_timed kind, uint64_t ticks);
void tmem_time_note_failed_copy(void);

/* Of all CPUs together; a moment old. */
struct tmem_time tmem_time_sum(enum tmem_timed kind);
uint64_t tmem_time_failed_copies(void);

#endif
