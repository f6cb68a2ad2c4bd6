/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a page instead of dying for want of one.
 *
 * Who waits is on the list of its domain, and the domain on the list of those
 * that have such vCPUs; one lock for both. HOLD_MEMORY is set and taken off
 * under it, so
 *
 *   v is on d->wait.vcpus   <=>   v->hold has HOLD_MEMORY       (wait lock)
 *   d is on the list        <=>   d->wait.count > 0             (wait lock)
 *
 * A vCPU goes on when its domain has a page for it (memory_available(): cached,
 * claimed, or to be borrowed), or the tables if it was these that it lacked,
 * when the placeholder that it touched is one no
 * more, or when it is time to search for pages of zeros again. It then touches
 * once more, with the registers that it had, and may have to wait anew: being
 * woken for nothing costs time and changes nothing. So waking may err on that
 * side; it must not err on the other.
 *
 * No wake-up is lost. Whoever waits makes that visible first (list and count),
 * then looks whether a page is there; whoever brings a page makes that visible
 * first, then looks at the count. There is a full barrier between the two on
 * both sides, so at least one of them sees the other. That covers what
 * memory.c brings, which calls memory_wait_wake(). Everything else that can
 * make a difference (the host's free memory, a placeholder that is replaced,
 * another CPU's search) is covered by memory_wait_look(): a CPU that did such a
 * thing looks before it goes idle, and within its tick if it goes on; what it
 * did itself it sees.
 *
 * Nobody spins: a vCPU that waits is held, and searches again only after 64
 * times as long as its last search took, so that searching costs less than 2 %
 * of a CPU.
 *
 * Pause, shutdown and death of a domain are other bits of `hold` and need
 * nothing from here, but that the dead leave the list.
 */
#include "domain/memory_wait.h"

#include "arch/timer.h"
#include "base/console.h"
#include "domain/memory.h"
#include "domain/sched.h"
#include "types/bits.h"

#include <xen/xen.h>

#define RETRY_NS     1000000000ULL /* at least */
#define RETRY_FACTOR 64
#define LINE_NS      10000000000ULL /* between lines in the log, per domain */

static struct lock wait_lock = LOCK_INIT(RANK_WAIT);
static struct list waiting = {&waiting, &waiting}; /* domains */
static uint32_t waiting_count; /* vCPUs; read without the lock */

void memory_wait_init(struct domain *d)
{
    list_init(&d->wait.link);
    list_init(&d->wait.vcpus);
}

static void add_locked(struct vcpu *v, gfn_t gfn, bool for_table, uint64_t now)
{
    struct domain *d = v->domain;
    uint64_t pause = RETRY_FACTOR * v->search.took;

    v->wait.gfn = gfn;
    v->wait.for_table = for_table;
    v->wait.retry_at = now + MAX(pause, RETRY_NS);
    list_add_tail(&d->wait.vcpus, &v->wait.link);
    if (list_empty(&d->wait.link)) {
        list_add_tail(&waiting, &d->wait.link);
    }
    WRITE_ONCE(d->wait.count, d->wait.count + 1);
    WRITE_ONCE(waiting_count, waiting_count + 1);
    sched_hold(v, HOLD_MEMORY); /* a full barrier, too */
}

static void remove_locked(struct vcpu *v)
{
    struct domain *d = v->domain;

    list_del(&v->wait.link);
    WRITE_ONCE(d->wait.count, d->wait.count - 1);
    WRITE_ONCE(waiting_count, waiting_count - 1);
    if (!d->wait.count) {
        list_del(&d->wait.link);
    }
    sched_release(v, HOLD_MEMORY);
}

static bool is_promise(struct domain *d, gfn_t gfn)
{
    return p2m_types[p2m_get(&d->p2m, gfn).type].is_promise;
}

static void wake_locked(struct domain *d, uint64_t now)
{
    uint64_t pages = memory_available(d);
    bool tables = p2m_has_tables(&d->p2m);
    struct vcpu *v, *next;

    list_for_each_safe(v, next, &d->wait.vcpus, wait.link)
    {
        if (pages && (tables || !v->wait.for_table)) {
            pages--;
        } else if (is_promise(d, v->wait.gfn) && now < v->wait.retry_at) {
            continue;
        }
        remove_locked(v);
    }
}

static void wake_all_locked(struct domain *d)
{
    struct vcpu *v, *next;

    list_for_each_safe(v, next, &d->wait.vcpus, wait.link)
    {
        remove_locked(v);
    }
}

void memory_wait_wake(struct domain *d)
{
    mem_barrier();
    if (!READ_ONCE(d->wait.count)) {
        return;
    }
    lock(&wait_lock);
    wake_locked(d, arch_time_ns());
    unlock(&wait_lock);
}

void memory_wait_look(void)
{
    struct domain *d, *next;

    if (!READ_ONCE(waiting_count)) {
        return;
    }
    lock(&wait_lock);
    list_for_each_safe(d, next, &waiting, wait.link)
    {
        wake_locked(d, arch_time_ns());
    }
    unlock(&wait_lock);
}

/* Once per domain and while: whoever is short is so many times. */
static void tell(struct vcpu *v, gfn_t gfn, bool for_table, uint64_t now)
{
    struct domain *d = v->domain;
    struct memory_pod_info pod;

    memory_get_pod(d, &pod);
    if (for_table) {
        log_guest(d->id, LOG_WARNING,
                  "vCPU %u waits for a page table at gpa %lx", v->id,
                  gfn.v << PAGE_SHIFT);
    } else {
        log_guest(d->id, LOG_WARNING,
                  "vCPU %u waits for memory at gpa %lx: %lu pages populated, "
                  "none cached, %lu promised",
                  v->id, gfn.v << PAGE_SHIFT, pod.tot_pages - pod.cache_pages,
                  pod.entries);
    }
    d->wait.next_line = now + LINE_NS;
}

bool memory_wait(struct vcpu *v, gfn_t gfn, enum p2m_verdict verdict)
{
    bool for_table = verdict == P2M_NO_MEMORY;
    struct domain *d = v->domain;
    uint64_t now = arch_time_ns();

    if (READ_ONCE(d->wait.policy) == MEMORY_CRASH) {
        return false;
    }
    lock(&d->pod.lock);
    d->pod.counters.waits++;
    unlock(&d->pod.lock);
    lock(&wait_lock);
    if (list_empty(&v->wait.link)) {
        add_locked(v, gfn, for_table, now);
    }
    if (now >= d->wait.next_line) {
        tell(v, gfn, for_table, now);
    }
    unlock(&wait_lock);
    event_raise_global_virq(VIRQ_ARCH_7);
    memory_wait_wake(d); /* what came before it was on the list */
    return true;
}

void memory_wait_forget(struct vcpu *v)
{
    lock(&wait_lock);
    if (!list_empty(&v->wait.link)) {
        remove_locked(v);
    }
    unlock(&wait_lock);
}

void memory_wait_policy(struct domain *d, enum memory_on_empty policy,
                        uint64_t borrow_limit)
{
    lock(&wait_lock);
    WRITE_ONCE(d->wait.borrow_limit, borrow_limit);
    WRITE_ONCE(d->wait.policy, policy);
    wake_all_locked(d);
    unlock(&wait_lock);
}

void memory_wait_end(struct domain *d)
{
    lock(&wait_lock);
    wake_all_locked(d);
    unlock(&wait_lock);
}

struct memory_waiters memory_wait_info(struct domain *d)
{
    struct memory_waiters info = {.gfn = INVALID_GFN};

    lock(&wait_lock);
    info.count = d->wait.count;
    if (info.count) {
        info.gfn = list_first(&d->wait.vcpus, struct vcpu, wait.link)->wait.gfn;
    }
    unlock(&wait_lock);
    return info;
}
