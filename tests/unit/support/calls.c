/* SPDX-License-Identifier: MIT */
#include "calls.h"
#include "guest/hypercall.h"
#include "machine.h"
#include "public/podium.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sysctl.h>
#include <xen/tmem.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/xen.h>

#define ARG    0x20000ULL
#define LIST   (ARG + PAGE_SIZE)
#define RAM    64     /* pages of each */
#define ROUNDS 10000U /* that one call may take */

static struct domain *domains[CALLS_DOMAINS];
static call_choice *below;

/* Numbers that mean something somewhere, more often than not. */
static uint64_t number(void)
{
    static const uint64_t edges[] = {
        0x7ff0,     0x7ff2,     0xffff,      0x10000,    0x20000,
        0x3f000,    0x80000000, 0xffffffff,  1ULL << 24, 1ULL << 36,
        1ULL << 47, ~0ULL,      ~0ULL << 12,
    };

    switch (below(8)) {
    case 0:
        return edges[below(ARRAY_COUNT(edges))];
    case 1:
        return below(0);
    case 2:
        return 0x20000 + below(0x40000);
    case 3:
        return below(0x400);
    default:
        return below(24);
    }
}

static void *page_at(struct domain *d, uint64_t gva)
{
    return domain_page(d, gva >> PAGE_SHIFT);
}

/* Any of the words of the struct at ARG may be anything. */
static void fill_random(struct domain *d)
{
    uint64_t *words = page_at(d, ARG);

    for (unsigned i = 0; i < 24 && words; i++) {
        words[i] = number();
        if (below(3) == 0) {
            words[i] |= number() << 32;
        }
    }
}

/* A reservation that makes sense but for its gfns. */
static void fill_reservation(struct domain *d)
{
    struct xen_memory_reservation *r = page_at(d, ARG);
    xen_pfn_t *list = page_at(d, LIST);

    if (!r || !list) {
        return;
    }
    *r = (struct xen_memory_reservation){
        .extent_start = {(xen_pfn_t *)(LIST)},
        .nr_extents = below(70),
        .extent_order = below(6) ? 0 : below(11),
        .mem_flags = below(3) ? 0 : XENMEMF_populate_on_demand,
        .domid = below(2) ? DOMID_SELF : below(3),
    };
    for (unsigned i = 0; i < 70; i++) {
        list[i] = 0x30 + below(0x60) + (below(20) ? 0 : number());
    }
}

static void fill_batch(struct domain *d)
{
    struct xen_add_to_physmap_batch *b = page_at(d, ARG);
    uint64_t *list = page_at(d, LIST);

    if (!b || !list) {
        return;
    }
    *b = (struct xen_add_to_physmap_batch){
        .domid = below(2) ? DOMID_SELF : below(3),
        .space = below(6),
        .size = below(20),
        .u = {below(3)},
        .idxs = {(xen_ulong_t *)(LIST)},
        .gpfns = {(xen_pfn_t *)(LIST + 1024)},
        .errs = {(int *)(LIST + 2048)},
    };
    for (unsigned i = 0; i < 256; i++) {
        list[i] = 0x30 + below(0x60);
    }
}

static void fill_physmap(struct domain *d)
{
    struct xen_add_to_physmap *a = page_at(d, ARG);

    if (a) {
        *a = (struct xen_add_to_physmap){
            .domid = below(2) ? DOMID_SELF : below(3),
            .size = below(6),
            .space = below(5),
            .idx = below(3) ? below(5) : 0x30 + below(0x60),
            .gpfn = 0x30 + below(0x60),
        };
    }
}

static void fill_resource(struct domain *d)
{
    struct xen_mem_acquire_resource *a = page_at(d, ARG);
    uint64_t *list = page_at(d, LIST);

    if (!a || !list) {
        return;
    }
    *a = (struct xen_mem_acquire_resource){
        .domid = below(3),
        .type = below(8) ? 1 : 0,
        .nr_frames = below(4),
        .frame = below(4),
        .frame_list = {below(8) ? (xen_pfn_t *)(LIST) : NULL},
    };
    for (unsigned i = 0; i < 4; i++) {
        list[i] = 0x30 + below(0x60);
    }
}

static void fill_grants(struct domain *d)
{
    struct gnttab_map_grant_ref *m = page_at(d, ARG);

    for (unsigned i = 0; i < 8 && m; i++) {
        m[i] = (struct gnttab_map_grant_ref){
            .host_addr = (0x30 + below(0x60)) << PAGE_SHIFT,
            .flags = GNTMAP_host_map | below(2) * GNTMAP_readonly,
            .ref = below(12),
            .dom = below(3),
        };
    }
}

static void fill_copies(struct domain *d)
{
    struct gnttab_copy *c = page_at(d, ARG);

    for (unsigned i = 0; i < 8 && c; i++) {
        c[i] = (struct gnttab_copy){
            .source = {{.ref = below(0x40)}, below(3), below(4096)},
            .dest = {{.ref = 0x30 + below(0x30)}, DOMID_SELF, below(4096)},
            .len = below(300),
            .flags = below(4),
        };
        if (c[i].flags & GNTCOPY_dest_gref) {
            c[i].dest.u.ref = below(12);
            c[i].dest.domid = below(3);
        }
    }
}

static void fill_unmaps(struct domain *d)
{
    struct gnttab_unmap_grant_ref *u = page_at(d, ARG);

    for (unsigned i = 0; i < 8 && u; i++) {
        uint32_t handle = below(16);
        struct grant_mapping *m =
            d->grants.slab_count ? &d->grants.slabs[0][handle] : NULL;

        u[i] = (struct gnttab_unmap_grant_ref){
            .host_addr = (m && below(8) ? m->gfn : 0x30) << PAGE_SHIFT,
            .handle = handle,
        };
    }
}

/* The guest grants something to somebody. */
static void change_grants(struct domain *d)
{
    struct grant_entry_v1 *e =
        (struct grant_entry_v1 *)page_map(d->grants.frames[0]) + below(12);

    if (!(e->flags & (GTF_reading | GTF_writing)) || below(8) == 0) {
        e->domid = below(3);
        e->frame = 0x30 + below(0x60);
        e->flags = (below(5) ? GTF_permit_access : below(32)) |
                   (below(3) ? 0 : GTF_readonly);
    }
}

static int64_t call(struct domain *d, uint64_t nr, uint64_t a, uint64_t b,
                    uint64_t c)
{
    struct vcpu *v = d->vcpus[0];
    unsigned rounds = 0;

    v->regs.rax = nr;
    v->regs.rdi = a;
    v->regs.rsi = b;
    v->regs.rdx = c;
    v->work = below(2);
    while (!hypercall(v)) {
        EXPECT(++rounds < ROUNDS);
        if (v->hold & HOLD_MEMORY) {
            /* Nobody will bring it any: it is reset, as by an INIT. */
            EXPECT_EQ(d->wait.count, 1);
            memory_wait_forget(v);
            v->regs.rax = (uint64_t)-ENOMEM;
            break;
        }
    }
    EXPECT_EQ(fake_stale_translations(&d->p2m.tlb, d->p2m.root), 0);
    return v->regs.rax;
}

static void fill_target(struct domain *d)
{
    struct xen_pod_target *t = page_at(d, ARG);

    if (t) {
        *t = (struct xen_pod_target){
            .target_pages = below(0x800),
            .domid = below(4),
        };
    }
}

static void fill_remove(struct domain *d)
{
    struct xen_remove_from_physmap *r = page_at(d, ARG);

    if (r) {
        *r = (struct xen_remove_from_physmap){
            .domid = below(2) ? DOMID_SELF : below(4),
            .gpfn = 0x30 + below(0x60),
        };
    }
}

static void fill_map(struct domain *d)
{
    struct xen_foreign_memory_map *m = page_at(d, ARG);

    if (m) {
        *m = (struct xen_foreign_memory_map){
            .domid = below(4),
            .map = {.nr_entries = below(140), .buffer = {(void *)LIST}},
        };
    }
}

static void fill_own_map(struct domain *d)
{
    struct xen_memory_map *m = page_at(d, ARG);

    if (m) {
        *m = (struct xen_memory_map){
            .nr_entries = below(140),
            .buffer = {(void *)(below(8) ? LIST : number())},
        };
    }
}

static void fill_exchange(struct domain *d)
{
    struct xen_memory_exchange *x = page_at(d, ARG);
    unsigned order = below(10);

    if (x) {
        *x = (struct xen_memory_exchange){
            .in = {.nr_extents = below(9),
                   .extent_order = order,
                   .domid = below(4)},
            .out = {.nr_extents = below(9),
                    .extent_order = below(4) ? order : below(32),
                    .domid = below(4)},
            .nr_exchanged = below(3),
        };
        x->out.domid = below(4) ? x->in.domid : x->out.domid;
    }
}

static void fill_claim(struct domain *d)
{
    struct xen_memory_reservation *r = page_at(d, ARG);

    if (r) {
        *r = (struct xen_memory_reservation){
            .nr_extents = below(0x1100),
            .domid = below(4),
            .extent_order = !below(16),
        };
    }
}

static void fill_range(struct domain *d)
{
    struct podium_range *r = page_at(d, ARG);

    if (r) {
        *r = (struct podium_range){
            .domid = below(2) ? DOMID_SELF : below(4),
            .flags = below(2),
            .gfn = 0x30 + below(0x60),
            .count = below(8) ? below(0x60) : number(),
            .done = below(8) ? 0 : below(4),
        };
    }
}

static void fill_untouched(struct domain *d)
{
    struct podium_untouched *u = page_at(d, ARG);

    if (u) {
        *u = (struct podium_untouched){
            .domid = below(2) ? DOMID_SELF : below(4),
            .order = 9 * below(2),
            .gfn = below(8) ? below(0x100) : number(),
        };
    }
}

static void fill_reasons(struct domain *d)
{
    static const uint32_t commands[] = {
        XENMEM_increase_reservation, XENMEM_decrease_reservation,
        XENMEM_populate_physmap, XENMEM_exchange};
    struct xen_memory_reservation from;
    struct podium_reservation *r = page_at(d, ARG);

    fill_reservation(d);
    if (r && page_at(d, LIST)) {
        memcpy(&from, r, sizeof(from));
        *r = (struct podium_reservation){
            .command = commands[below(ARRAY_COUNT(commands))],
            .domid = from.domid,
            .list = LIST,
            .count = from.nr_extents,
            .order = from.extent_order,
            .flags = from.mem_flags,
        };
    }
}

static void fill_size(struct domain *d)
{
    struct podium_size *s = page_at(d, ARG);

    if (s) {
        *s = (struct podium_size){.domid = below(2) ? DOMID_SELF : below(4)};
    }
}

static void fill_new_size(struct domain *d)
{
    struct podium_new_size *s = page_at(d, ARG);

    if (s) {
        *s = (struct podium_new_size){
            .domid = below(4),
            .max_pages = below(0x1000),
            .target = below(2) * below(0x800),
            .claim = below(8) ? below(0x80) : number(),
        };
    }
}

/* Each command with arguments that nearly make sense. */
static const struct {
    unsigned op;
    void (*fill)(struct domain *d);
} memory_calls[] = {
    {XENMEM_increase_reservation, fill_reservation},
    {XENMEM_decrease_reservation, fill_reservation},
    {XENMEM_populate_physmap, fill_reservation},
    {XENMEM_exchange, fill_exchange},
    {XENMEM_add_to_physmap, fill_physmap},
    {XENMEM_add_to_physmap_batch, fill_batch},
    {XENMEM_remove_from_physmap, fill_remove},
    {XENMEM_acquire_resource, fill_resource},
    {XENMEM_memory_map, fill_own_map},
    {XENMEM_set_memory_map, fill_map},
    {XENMEM_set_pod_target, fill_target},
    {XENMEM_get_pod_target, fill_target},
    {XENMEM_claim_pages, fill_claim},
    {PODIUM_MEMORY_reservation, fill_reasons},
    {PODIUM_MEMORY_decrease_range, fill_range},
    {PODIUM_MEMORY_next_untouched, fill_untouched},
    {PODIUM_MEMORY_get_size, fill_size},
    {PODIUM_MEMORY_set_size, fill_new_size},
};

/* Whatever the calls did to it: tables, arguments and list are RAM again. */
static void repair(struct domain *d)
{
    static const uint8_t needed[] = {0x10, 0x11, 0x12, 0x13, 0x20, 0x21};

    memory_set_max_pages(d, MAX(4096, d->account.page_count + 8));
    for (unsigned i = 0; i < ARRAY_COUNT(needed); i++) {
        struct p2m_entry e = p2m_get(&d->p2m, GFN(needed[i]));

        if (e.type != P2M_RAM) {
            int rc = memory_remove(d, GFN(needed[i]));

            EXPECT(!rc || rc == -ENOENT);
            domain_fill(d, needed[i], 1);
        }
    }
    domain_paging_on(d->vcpus[0]);
}

static struct domain *any_domain(void)
{
    struct domain *d = domains[below(CALLS_DOMAINS)];

    repair(d);
    return d;
}

void calls_memory(void)
{
    struct domain *d = any_domain();
    unsigned pick = below(ARRAY_COUNT(memory_calls) + 3);
    unsigned op;

    if (pick < ARRAY_COUNT(memory_calls)) {
        op = memory_calls[pick].op;
        memory_calls[pick].fill(d);
    } else {
        op = below(64);
        fill_random(d);
    }
    call(d, __HYPERVISOR_memory_op, op | (below(8) ? 0 : number() << 6),
         below(16) ? ARG : number(), 0);
}

void calls_grant(void)
{
    struct domain *d = any_domain();
    unsigned op = below(12);

    change_grants(domains[below(3)]);
    switch (op) {
    case GNTTABOP_map_grant_ref:
        fill_grants(d);
        break;
    case GNTTABOP_unmap_grant_ref:
        fill_unmaps(d);
        break;
    case GNTTABOP_copy:
        fill_copies(d);
        break;
    default:
        fill_random(d);
        break;
    }
    call(d, __HYPERVISOR_grant_table_op, op, below(16) ? ARG : number(),
         below(8));
}

void calls_other(void)
{
    struct domain *d = any_domain();

    fill_random(d);
    switch (below(3)) {
    case 0:
        call(d, __HYPERVISOR_xen_version, below(12), below(8) ? ARG : number(),
             0);
        break;
    case 1:
        call(d, __HYPERVISOR_multicall, below(8) ? ARG : number(), below(3), 0);
        break;
    default:
        fill_random(d);
        call(d, __HYPERVISOR_event_channel_op, below(15),
             below(8) ? ARG : number(), 0);
        break;
    }
}

/* A pool of any kind, or a page of one under one of a few names. */
static void fill_tmem(struct domain *d)
{
    static const uint32_t commands[] = {
        TMEM_PUT_PAGE, TMEM_PUT_PAGE,   TMEM_PUT_PAGE,     TMEM_GET_PAGE,
        TMEM_GET_PAGE, TMEM_FLUSH_PAGE, TMEM_FLUSH_OBJECT, TMEM_DESTROY_POOL};
    struct tmem_op *op = page_at(d, ARG);

    if (!op) {
        return;
    }
    if (below(6) == 0) {
        *op = (struct tmem_op){
            .cmd = TMEM_NEW_POOL,
            .u.creat = {.uuid = {below(2)},
                        .flags = 1U << TMEM_POOL_VERSION_SHIFT | below(4)},
        };
        return;
    }
    *op = (struct tmem_op){
        .cmd = below(32) ? commands[below(ARRAY_COUNT(commands))] : below(0),
        .pool_id = below(16) ? below(3) : below(0),
        .u.gen = {.oid = {{below(2), 0, below(2)}},
                  .index = below(6),
                  .cmfn = below(16) ? 0x30 + below(0x60) : number()},
    };
}

/* The control domain freezes, sets, gives back, or looks. */
static void fill_tmem_control(struct domain *d)
{
    struct xen_sysctl *op = page_at(d, ARG);
    struct podium_tmem_control *c = op ? (void *)&op->u : NULL;

    if (!op) {
        return;
    }
    *op = (struct xen_sysctl){
        .cmd = PODIUM_SYSCTL_tmem,
        .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
    };
    *c = (struct podium_tmem_control){
        .command = below(8) ? below(PODIUM_TMEM_SET_LIMITS + 2) : below(0),
        .pool = below(3),
        .client = below(3) ? below(4) : PODIUM_TMEM_ALL,
        .length = below(2) ? PAGE_SIZE : below(64) * 32,
        .arg = below(8) ? below(2) : below(64),
        .oid = {below(2), 0, below(2)},
        .buffer = below(16) ? LIST - PAGE_SIZE * below(2) / 2 : number(),
    };
}

void calls_tmem(void)
{
    struct domain *d = any_domain();

    switch (below(8)) {
    case 0:
        fill_tmem_control(d);
        call(d, __HYPERVISOR_sysctl, ARG, 0, 0);
        break;
    case 1:
        fill_random(d);
        call(d, __HYPERVISOR_tmem_op, below(8) ? ARG : number(), 0, 0);
        break;
    default:
        fill_tmem(d);
        call(d, __HYPERVISOR_tmem_op, ARG, 0, 0);
        break;
    }
}

void calls_touch(void)
{
    struct domain *d = any_domain();
    gfn_t gfn = GFN(0x30 + below(0x60));
    bool write = below(2);
    struct guest_exit exit;
    uint64_t *word =
        fake_guest_access(&d->p2m.tlb, d->p2m.root, gpa_from_gfn(gfn),
                          write ? FAKE_WRITE : FAKE_READ, &exit);

    if (!word) {
        /* Any verdict may be right; the next access goes on. */
        memory_fault(d, gfn, write, false);
    } else if (write) {
        *word = below(2);
    }
}

/* Of each kind one, so that the choices that follow mean what they did. */
static void set_policy(struct domain *d)
{
    static const struct memory_policy policies[CALLS_DOMAINS] = {
        {MEMORY_WAIT, 0, false},
        {MEMORY_BORROW, 5, false},
        {MEMORY_CRASH, 0, true},
    };

    EXPECT_EQ(memory_set_policy(d, &policies[d->id]), 0);
}

void calls_start(call_choice *choose)
{
    below = choose;
    for (unsigned i = 0; i < CALLS_DOMAINS; i++) {
        domains[i] = domain_new(i, 2);
        set_policy(domains[i]);
        domain_fill(domains[i], 0, RAM);
    }
}

void calls_end(void)
{
    for (unsigned i = 0; i < CALLS_DOMAINS; i++) {
        while (domain_kill(domains[i]) == -ERESTART) {
            continue;
        }
        domain_put(domains[i]);
        domain_reap_soon();
    }
    domain_reap();
    EXPECT(!domain_get_next(0));
    machine_check();
}
