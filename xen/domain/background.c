/* SPDX-License-Identifier: MIT */
/*
 * A domain wants to be looked after while D > 0 and C is below its low mark: a
 * touch notes it (`wanted`), and it ends when C has reached the high mark, D is
 * gone, or the domain has ended.
 *
 * First comes a gentle search, which takes no superpage apart, and one that
 * does only if the cache is still low after a whole lap of the former, and only
 * until it is not. If that was in vain, too, all of the domain rests, longer
 * each time until something is found again. The laps after that read only what
 * was written to meanwhile (dirty bits), but the rest is what bounds them. A
 * touch that was given a page ends the rest: the guest goes on, and what it has
 * done since may be found. That bounds them as well, since each of these laps
 * is paid for by a page that was found or set aside before.
 *
 * A CPU does one slice at a time, looks whether there is a vCPU to run, and
 * waits as long as the slice took, at least PAUSE_NS: so who shares the
 * domain's locks, or the host's processors in an emulator, gets half of the
 * time and more.
 *
 * No lock: `busy` says whose the state is. The domain is referred to only for
 * the time of a slice; one that dies wants nothing.
 */
#include "domain/background.h"

#include "arch/timer.h"
#include "domain/domain.h"
#include "domain/sched.h"
#include "types/bits.h"

#define LOW_PART    32
#define HIGH_PART   8
#define PAUSE_NS    250000ULL
#define REST_MIN_NS 20000000ULL
#define REST_MAX_NS 2560000000ULL
/* So long overdue, and again so long later, another CPU is asked. */
#define OVERDUE_NS 1000000ULL

static bool is_off;
static bool somebody_wants; /* a domain has `wanted` set, perhaps; atomic */
static uint32_t keeper;     /* the CPU that did the last slice goes on */

void background_set(bool on)
{
    is_off = !on;
}

static uint64_t mark(const struct domain *d, unsigned part, uint64_t most)
{
    return MIN(READ_ONCE(d->account.page_count) / part, most);
}

static uint64_t low_mark(const struct domain *d)
{
    return mark(d, LOW_PART, BACKGROUND_LOW);
}

static uint64_t high_mark(const struct domain *d)
{
    return mark(d, HIGH_PART, BACKGROUND_HIGH);
}

static bool has_deficit(struct domain *d)
{
    int64_t deficit;

    lock(&d->pod.lock);
    deficit = pod_deficit_locked(&d->pod);
    unlock(&d->pod.lock);
    return deficit > 0;
}

static bool is_below_mark(const struct domain *d)
{
    return READ_ONCE(d->pod.cache_count) < low_mark(d);
}

static bool is_low(struct domain *d)
{
    return is_below_mark(d) && has_deficit(d);
}

static void start(struct background *b, uint64_t now)
{
    __atomic_store_n(&b->wanted, true, __ATOMIC_SEQ_CST);
    __atomic_store_n(&somebody_wants, true, __ATOMIC_SEQ_CST);
    WRITE_ONCE(b->next_ns, now);
    sched_wake_idle();
}

/* Must nobody be called, since somebody comes soon? */
static bool is_at_hand(const struct background *b, uint64_t now, bool given)
{
    return READ_ONCE(b->wanted) && now < READ_ONCE(b->next_ns) + OVERDUE_NS &&
           !(given && READ_ONCE(b->resting));
}

static void note_low(struct domain *d, bool given)
{
    struct background *b = &d->background;
    uint64_t now = arch_time_ns();

    if (given) {
        WRITE_ONCE(b->touched, true);
    }
    if (!is_at_hand(b, now, given) && has_deficit(d)) {
        start(b, now);
    }
}

void background_note(struct domain *d, bool given)
{
    if (unlikely(is_below_mark(d)) && !is_off) {
        note_low(d, given);
    }
}

static bool wants(const struct domain *d)
{
    return __atomic_load_n(&d->background.wanted, __ATOMIC_SEQ_CST);
}

/* The domain whose time comes first, with a reference; NULL: none. */
static struct domain *find_first(void)
{
    struct domain *first = NULL, *d = domain_get_next(0);

    while (d) {
        domid_t next = d->id + 1;

        if (wants(d) && (!first || READ_ONCE(d->background.next_ns) <
                                       READ_ONCE(first->background.next_ns))) {
            struct domain *later = first;

            first = d;
            d = later;
        }
        if (d) {
            domain_put(d);
        }
        d = domain_get_next(next);
    }
    return first;
}

static void count_slice(struct domain *d, uint64_t found)
{
    lock(&d->pod.lock);
    d->pod.counters.background_slices++;
    d->pod.counters.background_reclaimed += found;
    unlock(&d->pod.lock);
}

/* What the search in hand came to. */
static enum p2m_sweep_result do_slice(struct domain *d)
{
    struct p2m_search *s = &d->background.search;
    uint64_t before = s->found;
    enum p2m_sweep_result result;

    s->gentle = !d->background.thorough;
    s->enough = s->gentle ? high_mark(d) : low_mark(d);
    result = p2m_sweep(&d->p2m, s);
    count_slice(d, s->found - before);
    if (s->found != before) {
        d->background.rest_ns = 0;
        memory_wait_wake(d); /* this CPU may go idle now without a look */
    }
    return result;
}

/* Nothing wanted any more. */
static void stop(struct background *b)
{
    b->search = (struct p2m_search){.cursor = b->search.cursor};
    b->thorough = false;
    b->rest_ns = 0;
    __atomic_store_n(&b->wanted, false, __ATOMIC_SEQ_CST);
}

/* All was in vain: a rest, unless the guest went on meanwhile. */
static void rest(struct background *b, uint64_t now)
{
    b->thorough = false;
    if (__atomic_exchange_n(&b->touched, false, __ATOMIC_SEQ_CST)) {
        return;
    }
    b->rest_ns = MIN(MAX(2 * b->rest_ns, REST_MIN_NS), REST_MAX_NS);
    WRITE_ONCE(b->next_ns, now + b->rest_ns);
    WRITE_ONCE(b->resting, true);
}

static bool has_ended(const struct domain *d)
{
    return READ_ONCE(d->shutdown) || READ_ONCE(d->p2m.dying);
}

static void step(struct domain *d)
{
    struct background *b = &d->background;
    uint64_t begin = arch_time_ns(), end;
    enum p2m_sweep_result result;

    WRITE_ONCE(b->resting, false);
    result = do_slice(d);
    end = arch_time_ns();
    WRITE_ONCE(b->next_ns, end + MAX(end - begin, PAUSE_NS));
    if (result == P2M_SWEEP_MORE && has_deficit(d) && !has_ended(d)) {
        return;
    }
    if (result != P2M_SWEEP_NOTHING || has_ended(d) || !is_low(d)) {
        stop(b);
    } else if (b->thorough) {
        rest(b, end);
    } else {
        b->thorough = true;
    }
}

/* Is d's time come? Then a slice, unless another CPU was faster. */
static bool try_step(struct domain *d)
{
    struct background *b = &d->background;
    bool done = false;

    if (__atomic_exchange_n(&b->busy, true, __ATOMIC_SEQ_CST)) {
        return false;
    }
    if (b->wanted && b->next_ns <= arch_time_ns()) {
        step(d);
        done = true;
    }
    __atomic_store_n(&b->busy, false, __ATOMIC_SEQ_CST);
    return done;
}

static uint64_t work_for(struct domain *d)
{
    if (try_step(d)) {
        WRITE_ONCE(keeper, arch_cpu());
        /* Perhaps for another one. */
        return arch_time_ns() + PAUSE_NS;
    }
    return READ_ONCE(keeper) == arch_cpu() ? READ_ONCE(d->background.next_ns)
                                           : NO_DEADLINE;
}

uint64_t background_work(void)
{
    uint64_t again = NO_DEADLINE;
    struct domain *d;

    if (!READ_ONCE(somebody_wants)) {
        return NO_DEADLINE;
    }
    /* Taken back before looking: who notes one now sets it again. */
    __atomic_store_n(&somebody_wants, false, __ATOMIC_SEQ_CST);
    d = find_first();
    if (d) {
        __atomic_store_n(&somebody_wants, true, __ATOMIC_SEQ_CST);
        again = work_for(d);
        domain_put(d);
    }
    return again;
}
