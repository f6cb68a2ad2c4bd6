/* SPDX-License-Identifier: MIT */
/*
 * Starting and stopping a domain as a whole.
 *
 * Its vCPUs carry HOLD_PAUSED while pause_count is not 0, after it shut down,
 * and while it is dying; the bit is recomputed from these three, under the
 * domain's lock, whenever one changes. So a pause and an unpause around a
 * shutdown do not start a domain again.
 */
#include "domain/domain_list.h"

#include "base/console.h"
#include "domain/sched.h"
#include "lib/printf.h"
#include "types/error.h"

#include <xen/sched.h>
#include <xen/xen.h>

void (*domain_zero_ended)(unsigned code);

static bool held_locked(const struct domain *d)
{
    return d->pause_count || d->shutdown || d->dying != DOMAIN_ALIVE;
}

void domain_update_holds_locked(struct domain *d)
{
    bool held = held_locked(d);

    for (unsigned i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpus[i];

        if (!v) {
            continue;
        }
        if (held) {
            sched_hold(v, HOLD_PAUSED);
        } else {
            sched_release(v, HOLD_PAUSED);
        }
    }
}

void domain_pause(struct domain *d)
{
    lock(&d->lock);
    d->pause_count++;
    domain_update_holds_locked(d);
    unlock(&d->lock);
}

void domain_pause_sync(struct domain *d)
{
    domain_pause(d);
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        if (d->vcpus[i]) {
            sched_hold_sync(d->vcpus[i], HOLD_PAUSED);
        }
    }
}

int domain_unpause(struct domain *d)
{
    int rc = 0;

    lock(&d->lock);
    if (d->pause_count == 0) {
        rc = -EINVAL;
    } else {
        d->pause_count--;
        d->started |= d->pause_count == 0;
        domain_update_holds_locked(d);
    }
    unlock(&d->lock);
    return rc;
}

void domain_shutdown(struct domain *d, unsigned code)
{
    bool first;

    lock(&d->lock);
    first = !d->shutdown;
    if (first) {
        d->shutdown = true;
        d->shutdown_code = (uint8_t)code;
        domain_update_holds_locked(d);
    }
    unlock(&d->lock);

    if (!first) {
        return;
    }
    log_line(LOG_INFO, "d%u: shut down, code %u", d->id, code);
    if (d->id == 0) {
        if (domain_zero_ended) {
            domain_zero_ended(code);
        }
        return;
    }
    event_raise_global_virq(VIRQ_DOM_EXC);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    char reason[160];
    va_list args;

    va_start(args, fmt);
    format_text_v(reason, sizeof(reason), fmt, args);
    va_end(args);
    log_guest(d->id, LOG_ERROR, "crashed: %s", reason);
    domain_shutdown(d, SHUTDOWN_crash);
}
