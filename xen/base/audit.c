/* SPDX-License-Identifier: MIT */
/*
 * An audit compares what is written down in two places, and cannot hold every
 * lock that there is: a page that is just changing hands looks wrong. Wrong
 * for good is what still is wrong, at the same place, the next time.
 *
 * One confirmation at a time: it has the two lists, this run's and the last
 * one's. Only the CPU that runs it writes there, so audits of other CPUs (there
 * are none, but panic()'s) go to the log.
 */
#include "base/audit.h"

#include "arch/cpu.h"
#include "base/console.h"
#include "base/lock.h"
#include "types/bits.h"

#define NOTED 32U /* differences; more than that are all of one cause */

struct notes {
    struct audit_difference list[NOTED];
    unsigned count; /* of the list */
};

static struct lock confirming = LOCK_INIT(RANK_AUDIT);
static struct notes notes[2];
static struct notes *taken_by; /* where differences go; NULL: to the log */
static unsigned taken_on;      /* for this CPU */

static void log_difference(const struct audit_difference *d)
{
    log_line(LOG_ERROR,
             "audit: d%d: %s: %s: gfn %lx, mfn %lx: %lu (0x%lx), expected %lu "
             "(0x%lx)",
             d->domid == AUDIT_NO_DOMAIN ? -1 : (int)d->domid, d->invariant,
             d->what, (unsigned long)d->gfn, (unsigned long)d->mfn,
             (unsigned long)d->found, (unsigned long)d->found,
             (unsigned long)d->expected, (unsigned long)d->expected);
}

void audit_differs(const struct audit_difference *difference)
{
    struct notes *n = __atomic_load_n(&taken_by, __ATOMIC_ACQUIRE);

    if (!n || taken_on != arch_cpu()) {
        log_difference(difference);
    } else if (n->count < NOTED) {
        n->list[n->count++] = *difference;
    }
}

static bool is_same(const struct audit_difference *a,
                    const struct audit_difference *b)
{
    return a->what == b->what && a->domid == b->domid && a->gfn == b->gfn &&
           a->mfn == b->mfn;
}

static bool is_noted(const struct notes *n, const struct audit_difference *d)
{
    for (unsigned i = 0; i < n->count; i++) {
        if (is_same(&n->list[i], d)) {
            return true;
        }
    }
    return false;
}

/* Drop from `now` what was not there before. Returns what is left. */
static unsigned keep_confirmed(struct notes *now, const struct notes *before)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < now->count; i++) {
        if (is_noted(before, &now->list[i])) {
            now->list[kept++] = now->list[i];
        }
    }
    return kept;
}

static struct notes *run_noted(unsigned (*run)(void *), void *what,
                               unsigned which)
{
    struct notes *n = &notes[which % 2];

    n->count = 0;
    taken_on = arch_cpu();
    __atomic_store_n(&taken_by, n, __ATOMIC_RELEASE);
    run(what);
    __atomic_store_n(&taken_by, NULL, __ATOMIC_RELEASE);
    return n;
}

static unsigned confirm_locked(unsigned (*run)(void *), void *what,
                               struct audit_difference *first)
{
    struct notes *before = run_noted(run, what, 0);

    for (unsigned i = 1; i < AUDIT_RUNS && before->count; i++) {
        struct notes *now = run_noted(run, what, i);
        unsigned confirmed = keep_confirmed(now, before);

        if (!confirmed) {
            before = now; /* with all that it found */
            continue;
        }
        for (unsigned j = 0; j < confirmed; j++) {
            log_difference(&now->list[j]);
        }
        *first = now->list[0];
        return confirmed;
    }
    return 0;
}

unsigned audit_confirm(unsigned (*run)(void *what), void *what,
                       struct audit_difference *first)
{
    unsigned confirmed;

    lock(&confirming);
    confirmed = confirm_locked(run, what, first);
    unlock(&confirming);
    return confirmed;
}
