/* SPDX-License-Identifier: MIT */
//! cpus: 1
//! timeout: 120
/*
 * Wrong arguments (POD-9, HC, TS): each call gets each of its arguments wrong
 * once, must return the error that it is documented with, and must change
 * nothing: pages owned and free, ports in use, domains, and Podium's own
 * recount are the same before and after each group.
 *
 *   pointers.c      pointers that lead nowhere, for every call with a structure
 *   values.c        domain ids, commands, counts, orders, versions
 *   commands.c      arguments of single commands, and buffers of the control
 *                   domain's calls
 *   unprivileged.c  a child calls what only the control domain may
 */
#include "badinput/badinput.h"

#include "child.h"
#include "event.h"
#include "hypercall.h"
#include "main.h"
#include "memory.h"
#include "test.h"

#include <xen/grant_table.h>

const char *const bad_names[BAD_COUNT] = {
    [BAD_UNMAPPED] = "unmapped",
    [BAD_NON_CANONICAL] = "non-canonical",
    [BAD_STRADDLING] = "into an unmapped page",
    [BAD_HOLE] = "mapped to a hole",
    [BAD_BEYOND] = "mapped beyond all memory",
};

/* Pages of the region at MAP_BASE; the one behind each is not mapped. */
enum page_at {
    AT_NOTHING,
    AT_DATA = 2,
    AT_HOLE = 4,
    AT_BEYOND = 6,
    AT_CONST
};

static struct {
    uint64_t free, owned;
    int next_port;
} state;

static uint64_t at(enum page_at page)
{
    return MAP_BASE + page * PAGE_SIZE;
}

void badinput_init(void)
{
    map_page(at(AT_DATA), (uint64_t)page_alloc(), PTE_PRESENT | PTE_WRITE);
    map_page(at(AT_HOLE), hole_alloc(1) << PAGE_SHIFT, PTE_PRESENT | PTE_WRITE);
    map_page(at(AT_BEYOND), 1UL << 46, PTE_PRESENT | PTE_WRITE);
    map_page(at(AT_CONST), (uint64_t)page_alloc(), PTE_PRESENT);
}

uint64_t bad_address(enum bad_address kind, unsigned size)
{
    switch (kind) {
    case BAD_UNMAPPED:
        return at(AT_NOTHING);
    case BAD_NON_CANONICAL:
        return NON_CANONICAL;
    case BAD_STRADDLING:
        return at(AT_DATA) + PAGE_SIZE - size + 1;
    case BAD_HOLE:
        return at(AT_HOLE);
    default:
        return at(AT_BEYOND);
    }
}

void *read_only_page(void)
{
    return (void *)at(AT_CONST);
}

static int64_t owned(void)
{
    struct xen_memory_domain d = {.domid = DOMID_SELF};

    return memory_op(XENMEM_current_reservation, &d);
}

/* The port that would be given out next. */
static int next_port(void)
{
    int port = event_alloc_unbound(DOMID_SELF, DOMID_SELF);

    event_close(port);
    return port;
}

/* The room for handles of grants grows before what is mapped is looked at. */
static void refuse_a_mapping(void)
{
    struct gnttab_map_grant_ref map = {.flags = GNTMAP_host_map, .ref = ~0U};

    grant_op(GNTTABOP_map_grant_ref, &map, 1);
}

void remember_state(void)
{
    /* These first: they may take a page of the hypervisor's heap. */
    state.next_port = next_port();
    refuse_a_mapping();
    state.free = host_free_pages();
    state.owned = owned();
}

void expect_same_state(void)
{
    EXPECT_EQ(host_free_pages(), state.free);
    EXPECT_EQ(owned(), state.owned);
    EXPECT_EQ(next_port(), state.next_port);
    expect_clean_audit();
}

void test_main(void)
{
    need_privilege();
    events_init();
    children_init();
    badinput_init();
    test_pointers();
    test_values();
    test_commands();
    test_unprivileged();
}
