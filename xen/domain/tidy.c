/* SPDX-License-Identifier: MIT */
/*
 * One CPU at a time goes from domain to domain, and through each from its first
 * gfn to its last: a lap. A slice looks at 512 entries at most, or copies one
 * region of 2 MiB, and then waits as long as it took, at least PAUSE_NS: half
 * of the time and more is for those who share the domain's lock.
 *
 * A lap in which nothing was to be done is followed by a rest, twice as long
 * each time. Domains that have fewer than 512 single pages are passed over, so
 * where all is well a lap costs next to nothing. The control domain is, too:
 * tables that it got rid of would be free memory that no guest gave back, and
 * who looks for a leak compares just that.
 *
 * The block comes out of the host's free memory and is paid for at once by
 * the pages that it replaces, whatever the domain's limit. What others
 * may need soon is left alone (TIDY_SPARE). Nobody waits for any of this, so
 * nobody is told when it fails: the next lap comes by again.
 */
#include "domain/tidy.h"

#include "arch/timer.h"
#include "domain/domain.h"
#include "domain/memory.h"
#include "types/bits.h"

#define PAUSE_NS    250000ULL
#define REST_MIN_NS 1000000000ULL
#define REST_MAX_NS 64000000000ULL

static bool is_off;
static bool is_busy; /* a CPU is at it, and what follows is its own; atomic */
static uint64_t next_ns; /* not before this time */
static uint64_t rest_ns;
static uint32_t keeper; /* the CPU that did the last slice goes on */
static bool has_moved;  /* something, in this lap */
static domid_t at_domain;
static gfn_t at_gfn;

void tidy_set(bool on)
{
    is_off = !on;
}

/* Has it 512 pages that are in no superpage? Without locks, so more or less. */
static bool has_singles(const struct domain *d)
{
    uint64_t charged = READ_ONCE(d->account.page_count);
    uint64_t whole =
        READ_ONCE(d->pod.counters.superpages_mapped) * BIT(ORDER_2M);

    return charged >= READ_ONCE(d->pod.cache_count) + whole + BIT(ORDER_2M);
}

static bool is_worth_it(const struct domain *d)
{
    return !d->privileged && !READ_ONCE(d->shutdown) &&
           !READ_ONCE(d->p2m.dying) && has_singles(d);
}

/* False: the host has nothing for this. */
static bool move_region(struct domain *d, gfn_t gfn)
{
    struct page *block;

    if (page_unclaimed() < TIDY_SPARE + BIT(ORDER_2M)) {
        return false;
    }
    block = page_begin_move(&d->account, ORDER_2M);
    if (!block) {
        return false;
    }
    if (p2m_gather(&d->p2m, gfn, block)) {
        has_moved = true;
        memory_wait_wake(d); /* who looked meanwhile saw a promise */
    } else {
        page_end_move(&d->account);
        page_release(block, BIT(ORDER_2M));
    }
    return true;
}

/* Returns whether there is more to do in this domain. */
static bool slice(struct domain *d)
{
    bool more = true;

    if (!is_worth_it(d) || !p2m_enter(&d->p2m)) {
        return false;
    }
    switch (p2m_gather_find(&d->p2m, &at_gfn)) {
    case P2M_GATHER_FOUND:
        more = move_region(d, at_gfn);
        at_gfn = gfn_add(gfn_align(at_gfn, ORDER_2M), BIT(ORDER_2M));
        break;
    case P2M_GATHER_MORE:
        break;
    case P2M_GATHER_END:
        more = false;
        break;
    }
    p2m_leave(&d->p2m);
    return more;
}

static void end_lap(void)
{
    rest_ns = has_moved ? REST_MIN_NS
                        : MIN(MAX(2 * rest_ns, REST_MIN_NS), REST_MAX_NS);
    has_moved = false;
    at_domain = 0;
    at_gfn = GFN(0);
}

/* Returns for how long there is nothing to do. */
static uint64_t step(void)
{
    struct domain *d = domain_get_next(at_domain);

    if (!d) {
        end_lap();
        return rest_ns;
    }
    if (d->id != at_domain) {
        at_domain = d->id;
        at_gfn = GFN(0);
    }
    if (!slice(d)) {
        at_domain++;
        at_gfn = GFN(0);
    }
    domain_put(d);
    return PAUSE_NS;
}

uint64_t tidy_work(void)
{
    uint64_t begin = arch_time_ns(), again = NO_DEADLINE, pause;

    if (is_off || __atomic_exchange_n(&is_busy, true, __ATOMIC_ACQUIRE)) {
        return NO_DEADLINE;
    }
    if (next_ns <= begin) {
        uint64_t end;

        pause = step();
        end = arch_time_ns();
        next_ns = end + MAX(end - begin, pause);
        keeper = arch_cpu();
    }
    if (keeper == arch_cpu()) {
        again = next_ns;
    }
    __atomic_store_n(&is_busy, false, __ATOMIC_RELEASE);
    return again;
}
