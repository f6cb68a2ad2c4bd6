/* SPDX-License-Identifier: MIT */
/*
 * Making and freeing domains. list.c keeps which exist, pause.c starts and
 * stops them, kill.c takes them apart.
 *
 * domain_free() undoes any prefix of domain_create(), so creation has one way
 * out: each part is either absent (zero) or complete. The order matters: vCPUs
 * point into shared_info and at the p2m's root, so they come after both and go
 * before both.
 */
#include "domain/domain_list.h"

#include "domain/memory.h"
#include "domain/room.h"
#include "domain/time.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "types/error.h"

#include <xen/hvm/params.h>
#include <xen/sched.h>
#include <xen/xen.h>

static void domain_set_defaults(struct domain *d,
                                const struct domain_config *config)
{
    d->privileged = config->privileged;
    d->max_vcpus = config->max_vcpus;
    d->creation_flags = config->creation_flags;
    d->max_evtchn_port = config->max_evtchn_port;
    d->max_grant_frames = config->max_grant_frames;
    d->max_maptrack_frames = config->max_maptrack_frames;
    memcpy(d->handle, config->handle, sizeof(d->handle));
    d->references = 1;
    d->pause_count = 1;
    d->hvm_params[HVM_PARAM_TRIPLE_FAULT_REASON] = SHUTDOWN_reboot;
    lock_init(&d->lock, RANK_DOMAIN);
    cpu_share_init(&d->cpu_share);
    list_init(&d->link);
}

static int create_memory(struct domain *d)
{
    int rc;

    memory_wait_init(d);
    rc = account_init(&d->account, d->id);
    if (rc) {
        return rc;
    }
    pod_init(&d->pod, &d->account);
    rc = p2m_init(&d->p2m, &d->account, &d->pod);
    if (rc) {
        d->p2m.format = NULL; /* tells domain_free() that there is none */
        return rc;
    }
    d->shared_info = page_alloc_special(&d->account);
    if (!d->shared_info) {
        return -ENOMEM;
    }
    time_update_wallclock(d);
    return 0;
}

static int create_vcpus(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        d->vcpus[i] = vcpu_create(d, i);
        if (!d->vcpus[i]) {
            return -ENOMEM;
        }
    }
    lock(&d->lock);
    domain_update_holds_locked(d);
    unlock(&d->lock);
    return 0;
}

static int create_parts(struct domain *d)
{
    int rc = create_memory(d);

    if (!rc) {
        rc = event_init(d);
    }
    if (!rc) {
        rc = grant_init(d, d->max_grant_frames, d->max_maptrack_frames);
    }
    if (!rc) {
        rc = create_vcpus(d);
    }
    return rc;
}

static int create(const struct domain_config *config, domid_t id,
                  struct domain **out)
{
    struct domain *d = heap_alloc(sizeof(*d));
    int rc;

    if (!d) {
        return -ENOMEM;
    }
    d->id = id;
    domain_set_defaults(d, config);
    rc = create_parts(d);
    if (rc) {
        domain_free(d);
        return rc;
    }
    *out = d;
    return 0;
}

int domain_create(const struct domain_config *config, struct domain **out)
{
    domid_t id;
    int rc;

    if (config->max_vcpus < 1 || config->max_vcpus > MAX_VCPUS) {
        return -EINVAL;
    }
    rc = domain_list_choose_id(config->id, &id);
    if (rc) {
        return rc;
    }
    do {
        rc = create(config, id, out);
    } while (rc == -ENOMEM && room_make_some());
    if (!rc) {
        domain_list_insert(*out);
    }
    return rc;
}

static void free_vcpus(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        if (d->vcpus[i]) {
            vcpu_destroy(d->vcpus[i]);
            d->vcpus[i] = NULL;
        }
    }
}

/* Of a domain that was never listed: domain_kill() did the same for others. */
static void free_memory(struct domain *d)
{
    if (d->dying != DOMAIN_DEAD && d->p2m.format) {
        while (memory_teardown(d) == -ERESTART) {
            continue;
        }
    }
}

void domain_free(struct domain *d)
{
    free_vcpus(d);
    if (d->grants.frames) {
        grant_teardown(d);
    }
    if (d->dying != DOMAIN_DEAD && d->events.vcpu_virq) {
        event_teardown(d);
    }
    if (d->shared_info) {
        page_put_special(d->shared_info);
        d->shared_info = NULL;
    }
    free_memory(d);
    if (d->account.number != NO_ACCOUNT) {
        account_done(&d->account);
    }
    heap_free(d->e820);
    heap_free(d->cpuid);
    heap_free(d);
}

struct domain *domain_of_account(struct account *a)
{
    return container_of(a, struct domain, account);
}

unsigned domain_audit(struct domain *d)
{
    if (READ_ONCE(d->dying)) {
        return 0; /* half taken apart: nothing to compare with */
    }
    return p2m_audit(&d->p2m) + event_audit(d) + grant_audit(d);
}
