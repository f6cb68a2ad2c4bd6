/* SPDX-License-Identifier: MIT */
/* See vcpu.h. */
#include "domain/vcpu.h"

#include "arch/hostmap.h"
#include "domain/domain.h"
#include "domain/sched.h"
#include "mm/heap.h"
#include "mm/page_alloc.h"
#include "types/bits.h"

#include <xen/xen.h>

BUILD_ASSERT(sizeof(struct vcpu_info) == 64, "ABI");

static void free_machine_pages(struct vcpu *v)
{
    for (unsigned i = 0; i < ARRAY_COUNT(v->machine_pages); i++) {
        if (v->machine_pages[i]) {
            page_free(v->machine_pages[i], 0);
        }
    }
}

static bool create_machine_state(struct vcpu *v)
{
    void *pages[ARRAY_COUNT(v->machine_pages)];

    for (unsigned i = 0; i < arch_guest_page_count(); i++) {
        v->machine_pages[i] = page_alloc(PAGE_HEAP, 0);
        if (!v->machine_pages[i]) {
            return false;
        }
        pages[i] = page_map(v->machine_pages[i]);
    }
    v->gc = arch_guest_create(pages, v->domain->p2m.root, &v->domain->p2m.tlb);
    arch_guest_set_tsc_offset(v->gc, v->domain->tsc_offset);
    return true;
}

struct vcpu *vcpu_create(struct domain *d, unsigned id)
{
    struct vcpu *v = heap_alloc(sizeof(*v));

    if (!v) {
        return NULL;
    }
    v->domain = d;
    v->id = id;
    sched_init_vcpu(v);
    v->regs.rflags = 2;
    list_init(&v->wait.link);
    if (!create_machine_state(v)) {
        free_machine_pages(v);
        heap_free(v);
        return NULL;
    }
    if (id < XEN_LEGACY_MAX_VCPUS) {
        struct shared_info *s = page_map(d->shared_info);

        v->info.info = &s->vcpu_info[id];
    }
    time_init_vcpu(v);
    time_update_vcpu(v);
    vlapic_reset(v);
    return v;
}

void vcpu_destroy(struct vcpu *v)
{
    time_release(v);
    if (v->info.page) {
        page_put(v->info.page);
    }
    free_machine_pages(v);
    heap_free(v);
}

void vcpu_kick(struct vcpu *v, uint32_t work)
{
    uint32_t cpu;

    __atomic_fetch_or(&v->work, work, __ATOMIC_SEQ_CST);
    cpu = __atomic_load_n(&v->running_on, __ATOMIC_SEQ_CST);
    if (cpu != NOT_RUNNING && cpu != arch_cpu()) {
        arch_cpu_kick(cpu);
    }
}

bool vcpu_has_pending(const struct vcpu *v)
{
    return event_pending(v) || vlapic_pending(v) >= 0 || v->vlapic.nmi_pending;
}

void vcpu_wake_for_event(struct vcpu *v)
{
    vcpu_kick(v, VCPU_WORK_EVENT);
    sched_release(v, HOLD_BLOCKED);
}

void vcpu_online(struct vcpu *v)
{
    sched_release(v, HOLD_OFFLINE);
}

static bool is_all_offline(const struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        if (!(READ_ONCE(d->vcpus[i]->hold) & HOLD_OFFLINE)) {
            return false;
        }
    }
    return true;
}

bool vcpu_offline(struct vcpu *v)
{
    struct domain *d = v->domain;
    bool last;

    /* The lock, so that no other vCPU takes us for one that is gone while we
     * look whether an NMI came before the hold. */
    lock(&d->lock);
    sched_hold(v, HOLD_OFFLINE);
    if (READ_ONCE(v->vlapic.nmi_pending)) {
        sched_release(v, HOLD_OFFLINE);
    }
    last = is_all_offline(d);
    unlock(&d->lock);
    return last;
}
