/* SPDX-License-Identifier: MIT */
/*
 * See time.h. The conversion from TSC to time is the same for all vCPUs and
 * never changes (the TSCs are in step and their rate is constant), so
 * vcpu_time_info is written once per place where a guest looks for it.
 *
 * Timers wait in the queue of the CPU on which they were set, which is where
 * their vCPU ran; only that CPU's clock interrupts for them.
 */
#include "domain/time.h"

#include "arch/timer.h"
#include "base/lock.h"
#include "domain/domain.h"
#include "domain/sched.h"
#include "lib/string.h"
#include "mm/page_ref.h"
#include "types/bits.h"

#include <xen/vcpu.h>
#include <xen/xen.h>

BUILD_ASSERT(sizeof(struct vcpu_time_info) == 32, "ABI");
BUILD_ASSERT(sizeof(struct vcpu_runstate_info) == 48, "ABI");

#define VM_ASSIST_RUNSTATE_FLAG BIT(VMASST_TYPE_runstate_update_flag)

struct timer_queue {
    struct lock lock;
    struct list timers;  /* vcpu_timer.link, earliest first */
    uint64_t next;       /* deadline of the first, read without the lock */
    struct vcpu *firing; /* taken off the queue, its event being raised */
};

static struct timer_queue queues[MAX_CPUS];
static uint64_t wallclock_s; /* at time 0, set by domain 0 or from the RTC */
static uint32_t wallclock_ns;
static bool wallclock_set;

void time_init_cpu(unsigned cpu)
{
    lock_init(&queues[cpu].lock, RANK_TIMER);
    list_init(&queues[cpu].timers);
    queues[cpu].next = NO_DEADLINE;
}

static void init_timer(struct vcpu_timer *t, struct vcpu *v)
{
    t->deadline = NO_DEADLINE;
    t->vcpu = v;
    list_init(&t->link);
}

void time_init_vcpu(struct vcpu *v)
{
    lock_init(&v->time.area_lock, RANK_TIMER);
    init_timer(&v->time.singleshot, v);
    init_timer(&v->time.poll, v);
    v->time.poll.wakes_only = true;
    v->time.state = RUNSTATE_offline;
    v->time.state_entry = arch_time_ns();
}

/* ns = ((tsc - stamp) shifted by `shift`) * mul >> 32, mul as large as fits. */
static void conversion(uint32_t *mul, int8_t *shift)
{
    uint64_t khz = arch_tsc_khz();
    uint64_t scaled;

    *shift = 0;
    while (khz > 2000000) {
        khz >>= 1;
        (*shift)--;
    }
    while (khz <= 1000000) {
        khz <<= 1;
        (*shift)++;
    }
    scaled = *shift < 0 ? (1000000ULL << 32) / (arch_tsc_khz() >> -*shift)
                        : (1000000ULL << 32) / (arch_tsc_khz() << *shift);
    *mul = (uint32_t)scaled;
}

static void write_time(struct vcpu_time_info *t, const struct domain *d)
{
    uint32_t version = t->version | 1;

    WRITE_ONCE(t->version, version);
    mem_barrier();
    t->tsc_timestamp = arch_tsc_origin() + d->tsc_offset;
    t->system_time = 0;
    conversion(&t->tsc_to_system_mul, &t->tsc_shift);
    t->flags = arch_tsc_invariant() ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
    mem_barrier();
    WRITE_ONCE(t->version, version + 1);
}

/* Copy to an area of a guest that may straddle two pages. */
static void write_area(const struct time_area *a, unsigned skip,
                       const void *from, size_t size)
{
    const char *bytes = from;
    unsigned at = a->offset + skip;

    if (!a->page[0]) {
        return; /* given up meanwhile */
    }
    for (size_t i = 0; i < size; i++, at++) {
        char *page = page_map(a->page[at / PAGE_SIZE]);

        page[at % PAGE_SIZE] = bytes[i];
    }
}

void time_update_vcpu(struct vcpu *v)
{
    struct vcpu_info *info = v->info.info;

    if (info) {
        write_time(&info->time, v->domain);
    }
    if (v->time.time_area.page[0]) {
        struct vcpu_time_info t = {0};

        write_time(&t, v->domain);
        lock(&v->time.area_lock);
        write_area(&v->time.time_area, 0, &t, sizeof(t));
        unlock(&v->time.area_lock);
    }
}

void time_update_wallclock(struct domain *d)
{
    struct shared_info *s = page_map(d->shared_info);
    uint64_t seconds = (wallclock_set ? wallclock_s : arch_wallclock_s()) +
                       d->wallclock_offset_s;
    uint32_t version = s->wc_version | 1;

    WRITE_ONCE(s->wc_version, version);
    mem_barrier();
    s->wc_sec = (uint32_t)seconds;
    s->wc_sec_hi = (uint32_t)(seconds >> 32);
    s->wc_nsec = wallclock_ns;
    mem_barrier();
    WRITE_ONCE(s->wc_version, version + 1);
}

void time_set_wallclock(uint64_t seconds, uint32_t ns, uint64_t at)
{
    uint64_t total = seconds * 1000000000ULL + ns - at;

    wallclock_s = total / 1000000000ULL;
    wallclock_ns = (uint32_t)(total % 1000000000ULL);
    wallclock_set = true;
    for (struct domain *d = domain_get_next(0), *next; d; d = next) {
        time_update_wallclock(d);
        next = domain_get_next((domid_t)(d->id + 1));
        domain_put(d);
    }
}

static void publish_locked(struct timer_queue *q)
{
    uint64_t next = NO_DEADLINE;

    if (!list_empty(&q->timers)) {
        next = list_first(&q->timers, struct vcpu_timer, link)->deadline;
    }
    WRITE_ONCE(q->next, next);
}

static void insert_locked(struct timer_queue *q, struct vcpu_timer *t)
{
    struct vcpu_timer *other;

    list_for_each (other, &q->timers, link) {
        if (other->deadline > t->deadline) {
            break;
        }
    }
    list_add_tail(&other->link, &t->link);
    publish_locked(q);
}

static void stop_timer(struct vcpu_timer *t)
{
    struct timer_queue *q = &queues[t->cpu];

    lock(&q->lock);
    list_del(&t->link);
    publish_locked(q);
    t->deadline = NO_DEADLINE;
    unlock(&q->lock);
}

static void set_timer(struct vcpu_timer *t, uint64_t deadline)
{
    struct timer_queue *q;

    stop_timer(t);
    t->cpu = arch_cpu();
    q = &queues[t->cpu];
    lock(&q->lock);
    t->deadline = deadline;
    insert_locked(q, t);
    unlock(&q->lock);
}

void time_stop_singleshot(struct vcpu *v)
{
    stop_timer(&v->time.singleshot);
}

void time_set_singleshot(struct vcpu *v, uint64_t deadline)
{
    set_timer(&v->time.singleshot, deadline);
}

void time_set_poll_deadline(struct vcpu *v, uint64_t deadline)
{
    set_timer(&v->time.poll, deadline);
}

void time_end_poll(struct vcpu *v)
{
    /* Only v itself sets it, so a glance is enough where there is none. */
    if (READ_ONCE(v->time.poll.deadline) != NO_DEADLINE) {
        stop_timer(&v->time.poll);
    }
}

static struct vcpu_timer *take_due(struct timer_queue *q, uint64_t now)
{
    struct vcpu_timer *t = NULL;

    lock(&q->lock);
    if (!list_empty(&q->timers)) {
        t = list_first(&q->timers, struct vcpu_timer, link);
        if (t->deadline > now) {
            t = NULL;
        } else {
            list_del(&t->link);
            publish_locked(q);
            t->deadline = NO_DEADLINE;
            q->firing = t->vcpu;
        }
    }
    unlock(&q->lock);
    return t;
}

void time_run_due(void)
{
    struct timer_queue *q = &queues[arch_cpu()];
    struct vcpu_timer *t;

    while ((t = take_due(q, arch_time_ns())) != NULL) {
        if (t->wakes_only) {
            sched_release(t->vcpu, HOLD_BLOCKED);
        } else {
            event_raise_vcpu_virq(t->vcpu, VIRQ_TIMER);
        }
        __atomic_store_n(&q->firing, NULL, __ATOMIC_RELEASE);
    }
}

/* Only this CPU adds to its queue. What another one takes off just now makes us
 * look once too often. */
uint64_t time_next_deadline(void)
{
    return READ_ONCE(queues[arch_cpu()].next);
}

#define AREA_AT(member) offsetof(struct vcpu_runstate_info, member)

/* The guest reads without a lock; with the assist on, a flag in the top bit
 * tells it that we are at it. */
void time_publish_runstate(struct vcpu *v)
{
    const struct time_area *a = &v->time.runstate_area;
    bool flag = v->domain->vm_assist & VM_ASSIST_RUNSTATE_FLAG;
    uint64_t entry = v->time.state_entry | (flag ? XEN_RUNSTATE_UPDATE : 0);
    int state = (int)v->time.state;

    lock(&v->time.area_lock);
    write_area(a, AREA_AT(state_entry_time), &entry, sizeof(entry));
    mem_barrier();
    write_area(a, AREA_AT(state), &state, sizeof(state));
    write_area(a, AREA_AT(time), v->time.spent, sizeof(v->time.spent));
    mem_barrier();
    if (flag) {
        entry = v->time.state_entry;
        write_area(a, AREA_AT(state_entry_time), &entry, sizeof(entry));
    }
    unlock(&v->time.area_lock);
}

void time_set_runstate(struct vcpu *v, uint32_t state)
{
    uint64_t now;

    if (v->time.state == state) {
        return;
    }
    now = arch_time_ns();
    v->time.spent[v->time.state] += now - v->time.state_entry;
    v->time.state = state;
    v->time.state_entry = now;
    if (v->time.runstate_area.page[0]) {
        time_publish_runstate(v);
    }
}

void time_set_area(struct vcpu *v, struct time_area *area, struct page *first,
                   struct page *second, uint16_t offset)
{
    struct time_area old;

    lock(&v->time.area_lock);
    old = *area;
    *area = (struct time_area){.page = {first, second}, .offset = offset};
    unlock(&v->time.area_lock);
    for (unsigned i = 0; i < 2; i++) {
        if (old.page[i]) {
            page_put(old.page[i]);
        }
    }
}

/* Another CPU may have taken a timer of v off its queue and be about to use v.
 */
static void wait_until_fired(const struct vcpu *v)
{
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        while (__atomic_load_n(&queues[cpu].firing, __ATOMIC_ACQUIRE) == v) {
            arch_cpu_relax();
        }
    }
}

void time_release(struct vcpu *v)
{
    stop_timer(&v->time.singleshot);
    stop_timer(&v->time.poll);
    wait_until_fired(v);
    time_set_area(v, &v->time.runstate_area, NULL, NULL, 0);
    time_set_area(v, &v->time.time_area, NULL, NULL, 0);
}
