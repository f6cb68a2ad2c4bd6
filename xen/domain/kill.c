/* SPDX-License-Identifier: MIT */
/*
 * The end of a domain, in steps that can be left and taken up again.
 *
 *   stop      no vCPU runs, no new page or p2m entry, no claim
 *   events    ports are closed: peers see it, and nothing is delivered any more
 *   mappings  what it mapped of others is given back
 *   areas     pages that its vCPUs registered are let go
 *   memory    p2m and the pages in it, cache, loose pages, 512 at a time
 *   tmem      what it left in transcendent memory, likewise
 *   dead      VIRQ_DOM_EXC: daemons that still map its pages see `dying` now
 *
 * Others may hold its pages longer, and until they see `dying` they will: so
 * the event comes first and waits for nobody. Its grant table stays, because
 * they unmap through it. When page_count is 0 and nobody else holds a
 * reference, domain_reap() frees the rest and raises VIRQ_DOM_EXC again.
 */
#include "domain/domain_list.h"

#include "base/console.h"
#include "domain/memory.h"
#include "domain/room.h"
#include "domain/sched.h"
#include "domain/time.h"
#include "domain/tmem_client.h"

#include <xen/xen.h>

/* A dead domain may be unused now. Atomic. */
static bool reap_wanted;

static int step_stop(struct domain *d)
{
    lock(&d->lock);
    d->dying = DOMAIN_DYING;
    domain_update_holds_locked(d);
    unlock(&d->lock);
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        sched_hold_sync(d->vcpus[i], HOLD_PAUSED);
    }
    memory_wait_end(d);
    p2m_set_dying(&d->p2m);
    account_set_dying(&d->account);
    room_end(d);
    return 0;
}

static int step_events(struct domain *d)
{
    event_teardown(d);
    return 0;
}

static int step_mappings(struct domain *d)
{
    grant_release_mappings(d);
    return 0;
}

static int step_areas(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpus[i];

        time_release(v);
        if (v->info.page) {
            page_put(v->info.page);
            v->info.page = NULL;
            v->info.info = NULL;
        }
    }
    return 0;
}

static int step_dead(struct domain *d)
{
    lock(&d->lock);
    WRITE_ONCE(d->dying, DOMAIN_DEAD);
    unlock(&d->lock);
    event_raise_global_virq(VIRQ_DOM_EXC);
    domain_reap_soon();
    return 0;
}

static int (*const kill_steps[])(struct domain *d) = {
    step_stop,       step_events,     step_mappings, step_areas,
    memory_teardown, tmem_client_end, step_dead,
};

int domain_kill(struct domain *d)
{
    while (d->kill_step < ARRAY_COUNT(kill_steps)) {
        int rc = kill_steps[d->kill_step](d);

        if (rc) {
            return rc;
        }
        d->kill_step++;
    }
    return 0;
}

void domain_reap_soon(void)
{
    __atomic_store_n(&reap_wanted, true, __ATOMIC_RELEASE);
}

void domain_reap(void)
{
    struct domain *d;

    if (!READ_ONCE(reap_wanted) ||
        !__atomic_exchange_n(&reap_wanted, false, __ATOMIC_ACQ_REL)) {
        return;
    }
    while ((d = domain_list_take_dead())) {
        log_line(LOG_DEBUG, "d%u: gone", d->id);
        domain_free(d);
        event_raise_global_virq(VIRQ_DOM_EXC);
    }
}
