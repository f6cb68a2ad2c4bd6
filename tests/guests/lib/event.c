/* SPDX-License-Identifier: MIT */
#include "event.h"

#include "cpu.h"
#include "hypercall.h"
#include "memory.h"
#include "test.h"
#include "time.h"
#include "trap.h"

#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>

volatile struct shared_info *shared_info;
static uint64_t counts[EVENT_PORTS];
static uint64_t upcalls;
static void (*handlers[EVENT_PORTS])(unsigned port);

static void handle(unsigned port)
{
    __atomic_fetch_add(&counts[port], 1, __ATOMIC_SEQ_CST);
    if (handlers[port]) {
        handlers[port](port);
    }
}

/* All ports of one selector bit. */
static void handle_word(unsigned word)
{
    uint64_t *pending = (uint64_t *)&shared_info->evtchn_pending[word];
    uint64_t ready =
        READ_ONCE(*pending) & ~READ_ONCE(shared_info->evtchn_mask[word]);

    while (ready) {
        unsigned bit = __builtin_ctzl(ready);

        ready &= ready - 1;
        __atomic_fetch_and(pending, ~BIT(bit), __ATOMIC_SEQ_CST);
        handle(64 * word + bit);
    }
}

static void upcall(struct trap_frame *frame)
{
    volatile struct vcpu_info *info = &shared_info->vcpu_info[this_cpu()->id];
    uint64_t selected;

    __atomic_fetch_add(&upcalls, 1, __ATOMIC_SEQ_CST);
    info->evtchn_upcall_pending = 0;
    selected =
        __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    while (selected) {
        handle_word(__builtin_ctzl(selected));
        selected &= selected - 1;
    }
}

static void map_shared_info(void)
{
    struct xen_add_to_physmap add = {.domid = DOMID_SELF,
                                     .space = XENMAPSPACE_shared_info};
    void *page = page_alloc();

    add.gpfn = gfn_of(page);
    REQUIRE(memory_op(XENMEM_add_to_physmap, &add) == 0);
    shared_info = page;
}

void events_init(void)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF,
                                  .index = HVM_PARAM_CALLBACK_IRQ};

    if (shared_info) {
        return;
    }
    map_shared_info();
    for (unsigned i = 0; i < EVENT_PORTS / 64; i++) {
        shared_info->evtchn_mask[i] = ~0UL;
    }
    trap_set_handler(UPCALL_VECTOR, upcall);
    param.value =
        (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | UPCALL_VECTOR;
    REQUIRE(hvm_op(HVMOP_set_param, &param) == 0);
}

uint64_t event_count(unsigned port)
{
    return __atomic_load_n(&counts[port], __ATOMIC_SEQ_CST);
}

uint64_t event_upcalls(void)
{
    return __atomic_load_n(&upcalls, __ATOMIC_SEQ_CST);
}

void event_set_handler(unsigned port, void (*handler)(unsigned port))
{
    handlers[port] = handler;
}

int event_bind_virq(unsigned virq, unsigned vcpu)
{
    struct evtchn_bind_virq op = {.virq = virq, .vcpu = vcpu};
    int64_t rc = event_op(EVTCHNOP_bind_virq, &op);

    return rc ? rc : op.port;
}

int event_bind_ipi(unsigned vcpu)
{
    struct evtchn_bind_ipi op = {.vcpu = vcpu};
    int64_t rc = event_op(EVTCHNOP_bind_ipi, &op);

    return rc ? rc : op.port;
}

int event_alloc_unbound(domid_t domain, domid_t remote)
{
    struct evtchn_alloc_unbound op = {.dom = domain, .remote_dom = remote};
    int64_t rc = event_op(EVTCHNOP_alloc_unbound, &op);

    return rc ? rc : op.port;
}

int event_bind_interdomain(domid_t remote, unsigned remote_port)
{
    struct evtchn_bind_interdomain op = {.remote_dom = remote,
                                         .remote_port = remote_port};
    int64_t rc = event_op(EVTCHNOP_bind_interdomain, &op);

    return rc ? rc : op.local_port;
}

int event_bind_vcpu(unsigned port, unsigned vcpu)
{
    struct evtchn_bind_vcpu op = {.port = port, .vcpu = vcpu};

    return event_op(EVTCHNOP_bind_vcpu, &op);
}

int event_send(unsigned port)
{
    struct evtchn_send op = {.port = port};

    return event_op(EVTCHNOP_send, &op);
}

int event_close(unsigned port)
{
    struct evtchn_close op = {.port = port};

    return event_op(EVTCHNOP_close, &op);
}

int event_unmask(unsigned port)
{
    struct evtchn_unmask op = {.port = port};

    return event_op(EVTCHNOP_unmask, &op);
}

int event_status(struct evtchn_status *status)
{
    return event_op(EVTCHNOP_status, status);
}

static uint64_t *pending_word(unsigned port)
{
    return (uint64_t *)&shared_info->evtchn_pending[port / 64];
}

static uint64_t *mask_word(unsigned port)
{
    return (uint64_t *)&shared_info->evtchn_mask[port / 64];
}

bool event_is_pending(unsigned port)
{
    return READ_ONCE(*pending_word(port)) >> (port % 64) & 1;
}

bool event_is_masked(unsigned port)
{
    return READ_ONCE(*mask_word(port)) >> (port % 64) & 1;
}

void event_mask(unsigned port)
{
    __atomic_fetch_or(mask_word(port), BIT(port % 64), __ATOMIC_SEQ_CST);
}

void event_clear_mask(unsigned port)
{
    __atomic_fetch_and(mask_word(port), ~BIT(port % 64), __ATOMIC_SEQ_CST);
}

void event_clear_pending(unsigned port)
{
    __atomic_fetch_and(pending_word(port), ~BIT(port % 64), __ATOMIC_SEQ_CST);
}

bool event_wait(unsigned port, uint64_t count, uint64_t nanoseconds)
{
    uint64_t end = time_now() + nanoseconds;

    while (event_count(port) < count) {
        if (time_now() > end) {
            return false;
        }
        /* Not HLT: the event may never come. */
        irq_on();
        give_way();
        irq_off();
    }
    return true;
}
