/* SPDX-License-Identifier: MIT */
/*
 * Each CPU writes its own rings only, so there is no lock. A record is written
 * first, then the count rises. Who copies another CPU's ring reads the count,
 * the records, and the count again: what the CPU may have overwritten meanwhile
 * is dropped, and so is the oldest one, whose place the next record goes to.
 * A dump does without that care and may show a torn record.
 */
#include "base/trace.h"

#include "arch/cpu.h"
#include "arch/timer.h"
#include "base/console.h"

#define NEVER_AT_FIRST BIT(TRACE_P2M_WRITE)

struct ring {
    struct trace_record record[TRACE_RING_RECORDS];
    uint64_t count; /* of all records ever written */
};

static struct ring rings[MAX_CPUS][TRACE_RING_COUNT];

uint32_t trace_mask = (uint32_t)(BIT(TRACE_EVENT_COUNT) - 1 - NEVER_AT_FIRST);

static const char *const event_names[TRACE_EVENT_COUNT] = {
    [TRACE_EXIT] = "exit",         [TRACE_HYPERCALL] = "hypercall",
    [TRACE_INJECT] = "inject",     [TRACE_SCHED] = "sched",
    [TRACE_POPULATE] = "populate", [TRACE_RECLAIM] = "reclaim",
    [TRACE_SPLINTER] = "splinter", [TRACE_DECREASE] = "decrease",
    [TRACE_FLUSH] = "flush",       [TRACE_P2M_WRITE] = "p2m-write",
};

static enum trace_ring ring_of(enum trace_event event)
{
    return event < TRACE_POPULATE ? TRACE_RING_RUN : TRACE_RING_MEMORY;
}

void trace_record(enum trace_event event, uint64_t a, uint64_t b, uint64_t c,
                  uint64_t d)
{
    struct ring *ring = &rings[arch_cpu()][ring_of(event)];
    struct trace_record *r = &ring->record[ring->count % TRACE_RING_RECORDS];

    r->tsc = arch_tsc();
    r->event = event;
    r->data[0] = a;
    r->data[1] = b;
    r->data[2] = c;
    r->data[3] = d;
    __atomic_store_n(&ring->count, ring->count + 1, __ATOMIC_RELEASE);
}

/* The number of the oldest record that nobody writes to when `count` are. */
static uint64_t oldest_whole(uint64_t count)
{
    return count < TRACE_RING_RECORDS ? 0 : count - TRACE_RING_RECORDS + 1;
}

unsigned trace_copy(unsigned cpu, enum trace_ring which,
                    struct trace_record *to, uint64_t *first)
{
    const struct ring *ring = &rings[cpu % MAX_CPUS][which];
    uint64_t end = __atomic_load_n(&ring->count, __ATOMIC_ACQUIRE);
    uint64_t begin = oldest_whole(end), valid;
    unsigned lost;

    for (uint64_t i = begin; i < end; i++) {
        to[i - begin] = ring->record[i % TRACE_RING_RECORDS];
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    valid = oldest_whole(READ_ONCE(ring->count));
    *first = MIN(MAX(begin, valid), end);
    lost = (unsigned)(*first - begin);
    for (unsigned i = 0; i < end - *first; i++) {
        to[i] = to[i + lost];
    }
    return (unsigned)(end - *first);
}

static void print_record(unsigned cpu, const struct trace_record *r)
{
    const char *name =
        r->event < TRACE_EVENT_COUNT ? event_names[r->event] : NULL;

    log_line(LOG_ERROR, "cpu%u tsc %lu %-9s %lx %lx %lx %lx", cpu, r->tsc,
             name ? name : "?", r->data[0], r->data[1], r->data[2], r->data[3]);
}

/* The rings together, in order of time. */
void trace_dump(unsigned cpu, unsigned count)
{
    const struct ring *of_cpu = rings[cpu % MAX_CPUS];
    uint64_t next[TRACE_RING_COUNT], end[TRACE_RING_COUNT];

    for (unsigned w = 0; w < TRACE_RING_COUNT; w++) {
        end[w] = READ_ONCE(of_cpu[w].count);
        next[w] = end[w] - MIN(MIN(end[w], TRACE_RING_RECORDS), count);
    }
    for (;;) {
        const struct trace_record *oldest = NULL;
        unsigned from = 0;

        for (unsigned w = 0; w < TRACE_RING_COUNT; w++) {
            const struct trace_record *r =
                &of_cpu[w].record[next[w] % TRACE_RING_RECORDS];

            if (next[w] < end[w] && (!oldest || r->tsc < oldest->tsc)) {
                oldest = r;
                from = w;
            }
        }
        if (!oldest) {
            return;
        }
        print_record(cpu, oldest);
        next[from]++;
    }
}
