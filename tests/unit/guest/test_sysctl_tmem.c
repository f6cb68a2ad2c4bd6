/* SPDX-License-Identifier: MIT */
/*
 * Sysctl 24: what the toolstack sees and sets of transcendent memory, every
 * wrong argument, and that nobody else may (T-8..T-11, X-1, X-8).
 */
#include <stdio.h>

#include "domain/tmem_client.h"
#include "domains.h"
#include "guest/hypercall.h"
#include "guest/tmem_page.h"
#include "guest/tmem_text.h"
#include "guest/tmem_time.h"
#include "public/podium.h"
#include "types/error.h"
#include "world.h"

#include <xen/memory.h>
#include <xen/sysctl.h>

#define BUFFER  0x10000ULL
#define NOWHERE (WORLD_RAM + 0x1000) /* where there is no memory */

static struct domain *d;
static uint64_t page[512] __attribute__((aligned(PAGE_SIZE)));

static struct podium_tmem_control base_of(uint32_t command, uint32_t client)
{
    return (struct podium_tmem_control){
        .command = command,
        .client = client,
        .length = PAGE_SIZE,
        .buffer = BUFFER,
    };
}

static int64_t control(const struct podium_tmem_control *c)
{
    struct xen_sysctl op = {
        .cmd = PODIUM_SYSCTL_tmem,
        .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
    };

    memcpy(&op.u, c, sizeof(*c));
    return world_call(hc_sysctl, &op, sizeof(op));
}

static int64_t simple(uint32_t command, uint32_t client)
{
    struct podium_tmem_control c = base_of(command, client);

    return control(&c);
}

static int64_t with_arg(uint32_t command, uint32_t client, uint32_t arg)
{
    struct podium_tmem_control c = base_of(command, client);

    c.arg = arg;
    return control(&c);
}

static int64_t with_length(uint32_t command, uint32_t client, uint32_t length)
{
    struct podium_tmem_control c = base_of(command, client);

    c.length = length;
    return control(&c);
}

/* Domain d, which uses nothing yet. */
static void start(void)
{
    world_start(0x4000);
    EXPECT(tmem_start(false));
    d = world_domain(1);
}

static int64_t create(uint32_t flags)
{
    struct tmem_client *c;

    EXPECT_EQ(tmem_client_make(d, &c), 0);
    return tmem_pool_create(c, flags, (struct tmem_uuid){{0, 0}});
}

static struct tmem_handle handle(uint32_t pool, uint32_t index)
{
    return (struct tmem_handle){
        .pool_id = pool, .index = index, .oid = {4, 5, 6}};
}

static void fill(uint64_t value)
{
    for (unsigned i = 0; i < 512; i++) {
        page[i] = value * (i * i + 1);
    }
}

static void put(uint32_t pool, uint32_t index, uint64_t value)
{
    struct tmem_handle h = handle(pool, index);

    fill(value);
    EXPECT_EQ(tmem_put(d->tmem, &h, page), 1);
}

static bool has(uint32_t pool, uint32_t index, uint64_t value)
{
    struct tmem_handle h = handle(pool, index);
    static uint64_t got[512] __attribute__((aligned(PAGE_SIZE)));

    if (tmem_get(d->tmem, &h, got) != 1) {
        return false;
    }
    fill(value);
    return !memcmp(got, page, sizeof(page));
}

/*
 * Who, and about whom.
 */

TEST(is_for_the_control_domain_only)
{
    uint64_t args[6] = {1ULL << 63}; /* it is not even looked at (T-10) */

    start();
    EXPECT_EQ(hc_sysctl(d->vcpus[0], args), -EPERM);
}

TEST(switched_off)
{
    world_start(0x4000);
    for (uint32_t command = 0; command < 80; command++) {
        EXPECT_EQ(simple(command, 0), -ENODEV);
    }
}

TEST(commands_that_there_are_not)
{
    static const uint8_t known[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
                                    10, 11, 19, 20, 21, 30, 32, 33, 64, 65};
    unsigned found = 0;

    start();
    for (uint32_t command = 0; command < 200; command++) {
        bool is_known = memchr(known, (int)command, sizeof(known));

        EXPECT_EQ(simple(command, 12345) == -ENOSYS, !is_known);
        found += is_known;
    }
    EXPECT_EQ(found, sizeof(known));
    EXPECT_EQ(simple(~0U, 0), -ENOSYS);
    EXPECT_EQ(simple(0x80000000, 0), -ENOSYS);
}

TEST(padding_must_be_zero)
{
    struct podium_tmem_control c = base_of(PODIUM_TMEM_FREEZE, 0);

    start();
    c.pad = 1;
    EXPECT_EQ(control(&c), -EINVAL);
}

/* A domain that is none, one that is no client, all where one is wanted. */
TEST(whom_it_is_about)
{
    static const uint8_t of_one[] = {
        PODIUM_TMEM_GET_CLIENT_INFO,    PODIUM_TMEM_GET_POOLS,
        PODIUM_TMEM_SET_POOLS,          PODIUM_TMEM_SAVE_BEGIN,
        PODIUM_TMEM_SAVE_GET_NEXT_PAGE, PODIUM_TMEM_SAVE_GET_NEXT_INV,
        PODIUM_TMEM_SAVE_END,           PODIUM_TMEM_RESTORE_PUT_PAGE,
        PODIUM_TMEM_RESTORE_FLUSH_PAGE, PODIUM_TMEM_GET_LIMITS,
    };

    start();
    for (unsigned i = 0; i < ARRAY_COUNT(of_one); i++) {
        EXPECT_EQ(simple(of_one[i], d->id), -ENOENT);
        EXPECT_EQ(simple(of_one[i], d->id + 1), -ESRCH);
        EXPECT_EQ(simple(of_one[i], 0x7ff0), -ESRCH);
        EXPECT_EQ(simple(of_one[i], 0x10000U + d->id), -ESRCH);
        EXPECT_EQ(simple(of_one[i], PODIUM_TMEM_ALL), -EINVAL);
    }
    EXPECT_EQ(simple(PODIUM_TMEM_FREEZE, d->id), -ENOENT);
    EXPECT_EQ(simple(PODIUM_TMEM_DESTROY, d->id), -ENOENT);
    EXPECT_EQ(simple(PODIUM_TMEM_LIST, d->id), -ENOENT);
    EXPECT_EQ(simple(PODIUM_TMEM_FLUSH, d->id), -EINVAL);
    EXPECT(!tmem_client_of(d));
    /* All of those that there are, of which there is none. */
    EXPECT_EQ(simple(PODIUM_TMEM_FREEZE, PODIUM_TMEM_ALL), 0);
    EXPECT_EQ(simple(PODIUM_TMEM_THAW, PODIUM_TMEM_ALL), 0);
    EXPECT_EQ(simple(PODIUM_TMEM_DESTROY, PODIUM_TMEM_ALL), 0);
    EXPECT_EQ(with_arg(PODIUM_TMEM_SET_AUTH, PODIUM_TMEM_ALL, 1), 0);
    EXPECT(!tmem_client_of(d));
}

TEST(not_about_the_dying)
{
    start();
    EXPECT_EQ(create(0), 0);
    while (domain_kill(d) == -ERESTART) {
        continue;
    }
    EXPECT_EQ(simple(PODIUM_TMEM_FREEZE, d->id), -ENODEV);
    EXPECT_EQ(simple(PODIUM_TMEM_LIST, d->id), -ENODEV);
    EXPECT_EQ(simple(PODIUM_TMEM_RESTORE_BEGIN, d->id), -ENODEV);
    EXPECT_EQ(with_arg(PODIUM_TMEM_SET_AUTH, d->id, 1), -ENODEV);
    EXPECT_EQ(simple(PODIUM_TMEM_FREEZE, PODIUM_TMEM_ALL), 0);
    EXPECT_EQ(simple(PODIUM_TMEM_LIST, PODIUM_TMEM_ALL), 0);
}

/* Who looks at a client finds it whole until he is done. */
TEST(the_end_waits_for_who_looks)
{
    struct tmem_client *c;
    int rc;

    start();
    EXPECT_EQ(create(TMEM_PERSISTENT), 0);
    put(0, 1, 1);
    EXPECT_EQ(tmem_client_enter(d, false, &c), 0);
    for (unsigned i = 0; i < 50; i++) {
        EXPECT_EQ(domain_kill(d), -ERESTART);
        EXPECT(tmem_client_of(d) == c);
    }
    EXPECT(has(0, 1, 1));
    tmem_client_leave(d);
    do {
        rc = domain_kill(d);
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, 0);
    EXPECT(!tmem_client_of(d));
    EXPECT_EQ(tmem_audit(), 0);
}

/* What is set before it is used stays set. */
TEST(setting_makes_a_client)
{
    struct podium_tmem_limits *limits;
    struct tmem_settings settings;

    start();
    limits = world_ram(BUFFER);
    *limits = (struct podium_tmem_limits){4096, 1};
    EXPECT_EQ(simple(PODIUM_TMEM_SET_LIMITS, d->id), 0);
    EXPECT(tmem_client_of(d));
    EXPECT_EQ(create(0), 0);
    tmem_client_settings(d->tmem, &settings);
    EXPECT_EQ(settings.ephemeral_cap, 1024);
    EXPECT_EQ(settings.persistent_cap, 1);
}

/*
 * What each does.
 */

TEST(freezing_and_thawing)
{
    start();
    EXPECT_EQ(create(0), 0);
    EXPECT_EQ(simple(PODIUM_TMEM_FREEZE, d->id), 0);
    EXPECT(tmem_frozen(d->tmem));
    EXPECT_EQ(simple(PODIUM_TMEM_THAW, PODIUM_TMEM_ALL), 0);
    EXPECT(!tmem_frozen(d->tmem));
    EXPECT_EQ(simple(PODIUM_TMEM_FREEZE, PODIUM_TMEM_ALL), 0);
    EXPECT(tmem_frozen(d->tmem));
    EXPECT_EQ(simple(PODIUM_TMEM_THAW, d->id), 0);
    EXPECT(!tmem_frozen(d->tmem));
}

/* destroying thawed. */
TEST(destroying_destroys)
{
    uint64_t charged;

    start();
    charged = d->account.page_count;
    EXPECT_EQ(create(0), 0);
    EXPECT_EQ(create(TMEM_PERSISTENT), 1);
    for (uint32_t i = 0; i < 600; i++) {
        put(i & 1, i, i + 1);
    }
    EXPECT_EQ(simple(PODIUM_TMEM_FREEZE, d->id), 0);
    EXPECT_EQ(simple(PODIUM_TMEM_DESTROY, d->id), 0);
    EXPECT(tmem_frozen(d->tmem)); /* that is something else */
    EXPECT(!has(0, 0, 1));
    EXPECT_EQ(d->account.page_count, charged);
    EXPECT_EQ(tmem_audit(), 0);
    EXPECT_EQ(simple(PODIUM_TMEM_DESTROY, PODIUM_TMEM_ALL), 0);
}

TEST(giving_back)
{
    start();
    EXPECT_EQ(create(0), 0);
    for (uint32_t i = 0; i < 600; i++) {
        put(0, i, i + 1);
    }
    EXPECT_EQ(simple(PODIUM_TMEM_QUERY_FREEABLE_MB, PODIUM_TMEM_ALL),
              tmem_freeable() / 256);
    EXPECT(tmem_freeable() >= 512);
    EXPECT_EQ(with_arg(PODIUM_TMEM_FLUSH, PODIUM_TMEM_ALL, 0), 0);
    EXPECT(with_arg(PODIUM_TMEM_FLUSH, PODIUM_TMEM_ALL, 1) >= 4);
    EXPECT(with_arg(PODIUM_TMEM_FLUSH, PODIUM_TMEM_ALL, 400) >= 400);
    EXPECT(with_arg(PODIUM_TMEM_FLUSH, PODIUM_TMEM_ALL, ~0U) > 0);
    EXPECT_EQ(with_arg(PODIUM_TMEM_FLUSH, PODIUM_TMEM_ALL, ~0U), 0);
    EXPECT_EQ(tmem_freeable(), 0);
    EXPECT_EQ(tmem_audit(), 0);
}

TEST(client_records)
{
    struct podium_tmem_client *r;

    start();
    EXPECT_EQ(create(0), 0);
    r = world_ram(BUFFER);
    EXPECT_EQ(simple(PODIUM_TMEM_GET_CLIENT_INFO, d->id), 0);
    EXPECT_EQ(r->version, 1);
    EXPECT_EQ(r->max_pools, TMEM_POOLS);
    EXPECT_EQ(r->pools, 1);
    EXPECT_EQ(r->flags, 0);
    EXPECT_EQ(r->weight, 0);
    r->weight = 77;
    r->flags = PODIUM_TMEM_CLIENT_compress | PODIUM_TMEM_CLIENT_frozen;
    EXPECT_EQ(simple(PODIUM_TMEM_SET_CLIENT_INFO, d->id), 0);
    EXPECT(!tmem_frozen(d->tmem));
    EXPECT_EQ(simple(PODIUM_TMEM_FREEZE, d->id), 0);
    EXPECT_EQ(simple(PODIUM_TMEM_GET_CLIENT_INFO, d->id), 0);
    EXPECT_EQ(r->weight, 77);
    EXPECT_EQ(r->flags,
              PODIUM_TMEM_CLIENT_compress | PODIUM_TMEM_CLIENT_frozen);
    r->weight = 5;
    EXPECT_EQ(simple(PODIUM_TMEM_SET_CLIENT_INFO, PODIUM_TMEM_ALL), 0);
    EXPECT_EQ(simple(PODIUM_TMEM_GET_CLIENT_INFO, d->id), 0);
    EXPECT_EQ(r->weight, 5);
    /* Wrong ones. */
    r->weight = 6;
    r->version = 2;
    EXPECT_EQ(simple(PODIUM_TMEM_SET_CLIENT_INFO, d->id), -EOPNOTSUPP);
    r->version = 1;
    r->max_pools = TMEM_POOLS + 1;
    EXPECT_EQ(simple(PODIUM_TMEM_SET_CLIENT_INFO, d->id), -ERANGE);
    r->max_pools = TMEM_POOLS;
    EXPECT_EQ(with_length(PODIUM_TMEM_SET_CLIENT_INFO, d->id, 19), -EINVAL);
    EXPECT_EQ(with_length(PODIUM_TMEM_GET_CLIENT_INFO, d->id, 19), -EINVAL);
    EXPECT_EQ(with_length(PODIUM_TMEM_GET_LIMITS, d->id, 15), -EINVAL);
    EXPECT_EQ(with_length(PODIUM_TMEM_SET_LIMITS, d->id, 15), -EINVAL);
    EXPECT_EQ(simple(PODIUM_TMEM_GET_CLIENT_INFO, d->id), 0);
    EXPECT_EQ(r->weight, 5);
}

TEST(buffers_that_are_none)
{
    static const uint8_t commands[] = {
        PODIUM_TMEM_GET_CLIENT_INFO,
        PODIUM_TMEM_SET_CLIENT_INFO,
        PODIUM_TMEM_GET_LIMITS,
        PODIUM_TMEM_SET_LIMITS,
        PODIUM_TMEM_LIST,
        PODIUM_TMEM_RESTORE_PUT_PAGE,
    };

    start();
    EXPECT_EQ(create(TMEM_PERSISTENT), 0);
    put(0, 1, 1);
    for (unsigned i = 0; i < ARRAY_COUNT(commands); i++) {
        struct podium_tmem_control c = base_of(commands[i], d->id);

        c.buffer = NOWHERE;
        EXPECT_EQ(control(&c), -EFAULT);
        c.buffer = 1ULL << 62;
        EXPECT_EQ(control(&c), -EFAULT);
    }
    for (uint32_t command = 19; command < 21; command++) {
        struct podium_tmem_control c = base_of(command, d->id);

        EXPECT_EQ(with_arg(PODIUM_TMEM_SAVE_BEGIN, d->id, 1), 0);
        c.length = 2 * PAGE_SIZE;
        c.buffer = NOWHERE;
        EXPECT_EQ(control(&c), -EFAULT);
        c.length = command == PODIUM_TMEM_SAVE_GET_NEXT_PAGE ? 4127 : 31;
        EXPECT_EQ(control(&c), -ENOBUFS);
        EXPECT_EQ(simple(PODIUM_TMEM_SAVE_END, d->id), 0);
    }
    EXPECT(has(0, 1, 1));
}

TEST(limits_are_whole_pages)
{
    struct podium_tmem_limits *limits;

    start();
    EXPECT_EQ(create(0), 0);
    limits = world_ram(BUFFER);
    *limits = (struct podium_tmem_limits){4099, 3};
    EXPECT_EQ(simple(PODIUM_TMEM_SET_LIMITS, d->id), 0);
    EXPECT_EQ(simple(PODIUM_TMEM_GET_LIMITS, d->id), 0);
    EXPECT_EQ(limits->ephemeral_kib, 4096);
    EXPECT_EQ(limits->persistent_kib, 4);
    *limits = (struct podium_tmem_limits){0, 0};
    EXPECT_EQ(simple(PODIUM_TMEM_SET_LIMITS, PODIUM_TMEM_ALL), 0);
    EXPECT_EQ(simple(PODIUM_TMEM_GET_LIMITS, d->id), 0);
    EXPECT_EQ(limits->ephemeral_kib, 0);
    EXPECT_EQ(limits->persistent_kib, 0);
}

TEST(who_may_share)
{
    const struct tmem_uuid uuid = {{11, 12}};
    struct podium_tmem_control c;

    start();
    c = base_of(PODIUM_TMEM_SET_AUTH, d->id);
    c.oid[0] = 11;
    c.oid[1] = 12;
    c.arg = 2;
    EXPECT_EQ(control(&c), -EINVAL);
    c.arg = 1;
    EXPECT_EQ(control(&c), 0);
    EXPECT(tmem_authorized(d->tmem, uuid));
    c.client = PODIUM_TMEM_ALL;
    c.arg = 0;
    EXPECT_EQ(control(&c), 0);
    EXPECT(!tmem_authorized(d->tmem, uuid));
}

TEST(pools_as_records)
{
    struct podium_tmem_pool *r;

    start();
    EXPECT_EQ(create(0), 0);
    EXPECT_EQ(create(TMEM_PERSISTENT), 1);
    put(1, 3, 3);
    r = world_ram(BUFFER);
    EXPECT_EQ(with_length(PODIUM_TMEM_GET_POOLS, d->id, 512), 2);
    EXPECT_EQ(r[0].id, 0);
    EXPECT_EQ(r[0].flags, 1U << 24);
    EXPECT_EQ(r[1].id, 1);
    EXPECT_EQ(r[1].flags, 1U << 24 | PODIUM_TMEM_POOL_persist);
    EXPECT_EQ(r[1].pages, 1);
    EXPECT_EQ(with_length(PODIUM_TMEM_GET_POOLS, d->id, 32), 1);
    EXPECT_EQ(with_length(PODIUM_TMEM_GET_POOLS, d->id, 0), 0);
    EXPECT_EQ(with_length(PODIUM_TMEM_GET_POOLS, d->id, 33), -EINVAL);
    EXPECT_EQ(with_length(PODIUM_TMEM_GET_POOLS, d->id, 17 * 32), -E2BIG);
    /* And back, under other ids. */
    r[0].id = 9;
    r[1].id = 15;
    EXPECT_EQ(with_length(PODIUM_TMEM_SET_POOLS, d->id, 64), 0);
    EXPECT_EQ(with_length(PODIUM_TMEM_SET_POOLS, d->id, 64), -EEXIST);
    EXPECT_EQ(with_length(PODIUM_TMEM_SET_POOLS, d->id, 63), -EINVAL);
    EXPECT_EQ(with_length(PODIUM_TMEM_SET_POOLS, d->id, 17 * 32), -E2BIG);
    r[0].id = 10;
    r[1].id = 16;
    EXPECT_EQ(with_length(PODIUM_TMEM_SET_POOLS, d->id, 64), -EINVAL);
    r[1].id = 11;
    r[1].flags |= 0x10; /* larger pages */
    EXPECT_EQ(with_length(PODIUM_TMEM_SET_POOLS, d->id, 64), -EINVAL);
    EXPECT_EQ(with_length(PODIUM_TMEM_GET_POOLS, d->id, 512), 4);
    EXPECT_EQ(tmem_audit(), 0);
}

/*
 * Save and restore.
 */

TEST(pages_are_saved_and_restored)
{
    struct podium_tmem_handle *h;
    struct podium_tmem_control c;
    bool seen[40] = {false};
    unsigned count = 0;
    int64_t rc;

    start();
    EXPECT_EQ(simple(PODIUM_TMEM_RESTORE_BEGIN, d->id), 0);
    EXPECT_EQ(simple(PODIUM_TMEM_RESTORE_BEGIN, d->id), -EEXIST);
    EXPECT_EQ(create(TMEM_PERSISTENT), 0);
    EXPECT_EQ(create(TMEM_PERSISTENT), 1);
    EXPECT_EQ(simple(PODIUM_TMEM_SAVE_BEGIN, d->id), -ENOENT);
    for (uint32_t i = 0; i < 40; i++) {
        put(0, i, i);
    }
    EXPECT_EQ(with_arg(PODIUM_TMEM_SAVE_BEGIN, d->id, 1), 0);
    EXPECT_EQ(with_arg(PODIUM_TMEM_SAVE_BEGIN, d->id, 1), -EBUSY);
    h = world_ram(BUFFER);
    c = base_of(PODIUM_TMEM_SAVE_GET_NEXT_PAGE, d->id);
    c.length = 2 * PAGE_SIZE;
    while ((rc = control(&c)) > 0) {
        EXPECT_EQ(rc, sizeof(*h) + PAGE_SIZE);
        EXPECT(h->pool == 0 && h->index < 40 && !seen[h->index]);
        EXPECT_EQ(h->oid[2], 6);
        seen[h->index] = true; /* each once, the first one too */
        count++;
        fill(h->index);
        EXPECT(!memcmp(world_ram(BUFFER + sizeof(*h)), page, 2048));
        if (count == 20) {
            struct tmem_handle gone = handle(0, h->index);

            EXPECT_EQ(tmem_flush_page(d->tmem, &gone), -TMEM_EFROZEN);
        }
    }
    EXPECT_EQ(rc, -ENOENT);
    EXPECT_EQ(count, 40);
    EXPECT_EQ(simple(PODIUM_TMEM_SAVE_GET_NEXT_INV, d->id), 1);
    EXPECT_EQ(simple(PODIUM_TMEM_SAVE_GET_NEXT_INV, d->id), 0);
    EXPECT_EQ(simple(PODIUM_TMEM_SAVE_END, d->id), 0);

    c = base_of(PODIUM_TMEM_RESTORE_PUT_PAGE, d->id);
    c.pool = 1;
    c.arg = 8;
    c.oid[0] = 4;
    c.oid[1] = 5;
    c.oid[2] = 6;
    fill(99);
    memcpy(world_ram(BUFFER), page, PAGE_SIZE);
    EXPECT_EQ(control(&c), 1);
    EXPECT(has(1, 8, 99));
    c.length = PAGE_SIZE - 1;
    EXPECT_EQ(control(&c), -EINVAL);
    c.length = PAGE_SIZE + 1;
    EXPECT_EQ(control(&c), -EINVAL);
    c.command = PODIUM_TMEM_RESTORE_FLUSH_PAGE;
    EXPECT_EQ(control(&c), 1);
    EXPECT(!has(1, 8, 99));
    EXPECT_EQ(tmem_audit(), 0);
}

/* they are the client's, not the toolstack's. */
TEST(restored_pages_are_charged_to_their_client)
{
    struct podium_tmem_control c;
    uint64_t charged, toolstack;

    start();
    EXPECT_EQ(create(TMEM_PERSISTENT), 0);
    charged = d->account.page_count;
    toolstack = world_control->account.page_count;
    c = base_of(PODIUM_TMEM_RESTORE_PUT_PAGE, d->id);
    EXPECT_EQ(control(&c), 1);
    EXPECT(d->account.page_count > charged);
    EXPECT_EQ(world_control->account.page_count, toolstack);
}

/*
 * The text.
 */

static const char *text(void)
{
    return world_ram(BUFFER);
}

TEST(the_text_of_all)
{
    char line[80];
    uint32_t length;

    start();
    EXPECT_EQ(create(0), 0);
    EXPECT_EQ(create(TMEM_PERSISTENT), 1);
    put(1, 1, 1);
    tmem_time_note(TMEM_TIME_PUT, 100);
    tmem_time_note(TMEM_TIME_PUT, 300);
    EXPECT_EQ(simple(PODIUM_TMEM_LIST, PODIUM_TMEM_ALL), 0);
    EXPECT(!strncmp(text(), "G=Tt:", 5));
    EXPECT(!strstr(text(), ",Ec:"));
    EXPECT(strstr(text(), ",PI:0,PT:EP,U0:0,U1:0\n"));
    EXPECT(strstr(text(), ",PI:1,PT:PP,U0:0,U1:0\n"));
    EXPECT(strstr(text(), ",Pn:2,Pt:400,Px:300,Pm:100,gn:0,"));
    EXPECT_EQ(with_arg(PODIUM_TMEM_LIST, PODIUM_TMEM_ALL, 1), 0);
    EXPECT(strstr(text(), ",Ec:0,Em:"));
    EXPECT(strstr(text(), ",Pc:1,Pm:1,Oc:1,Om:1,Nc:0,Nm:0,ps:1,pt:1,"));
    snprintf(line, sizeof(line), "C=CI:%u,ww:0,ca:0,co:0,fr:0,Tc:0,", d->id);
    EXPECT(strstr(text(), line));
    /* Whatever is too short is said to be (T-40), and has whole lines. */
    length = (uint32_t)strlen(text()) + 1;
    for (uint32_t n = 0; n < length; n += 7) {
        struct podium_tmem_control c =
            base_of(PODIUM_TMEM_LIST, PODIUM_TMEM_ALL);

        c.arg = 1;
        c.length = n;
        memset(world_ram(BUFFER), 'x', PAGE_SIZE);
        EXPECT_EQ(control(&c), -ENOBUFS);
        EXPECT_EQ(text()[n], 'x');
        if (n) {
            EXPECT(strlen(text()) < n);
            EXPECT(!*text() || text()[strlen(text()) - 1] == '\n');
        }
    }
}

TEST(the_text_of_one)
{
    start();
    EXPECT_EQ(create(0), 0);
    EXPECT_EQ(simple(PODIUM_TMEM_LIST, d->id), 0);
    EXPECT(!strncmp(text(), "C=CI:", 5));
    EXPECT(!strstr(text(), "G="));
    EXPECT(strstr(text(), "\nP=CI:"));
}

/* A shared pool has one line, whoever joined it. */
TEST(the_text_of_shared_pools)
{
    const struct tmem_uuid uuid = {{0xabc, 0xdef}};
    struct domain *other;
    struct tmem_client *c;
    char line[80];

    start();
    other = world_domain(1);
    EXPECT_EQ(tmem_client_make(d, &c), 0);
    EXPECT_EQ(tmem_authorize(c, uuid, true), 0);
    EXPECT_EQ(tmem_pool_create(c, TMEM_SHARED, uuid), 0);
    EXPECT_EQ(tmem_client_make(other, &c), 0);
    EXPECT_EQ(tmem_authorize(c, uuid, true), 0);
    EXPECT_EQ(tmem_pool_create(c, TMEM_SHARED, uuid), 0);
    EXPECT_EQ(tmem_pool_create(c, TMEM_SHARED, uuid), 1);
    EXPECT_EQ(simple(PODIUM_TMEM_LIST, PODIUM_TMEM_ALL), 0);
    snprintf(line, sizeof(line), "\nS=SI:0,PT:ES,U0:abc,U1:def,SC:%u,SC:%u\n",
             d->id, other->id);
    EXPECT(strstr(text(), line));
    EXPECT(!strstr(text(), "SI:1"));
    EXPECT(!strstr(text(), "\nP="));
}

/*
 * The page of statistics (T-39).
 */

#define SHOWN 0x700 /* a frame of domain 0's where nothing is */

static int64_t acquire(uint32_t frames, uint64_t list)
{
    struct xen_mem_acquire_resource a = {
        .domid = DOMID_SELF,
        .type = PODIUM_RESOURCE_tmem,
        .nr_frames = frames,
        .frame_list = {(xen_pfn_t *)list},
    };
    const uint64_t args[6] = {XENMEM_acquire_resource, BUFFER};

    memcpy(world_ram(BUFFER), &a, sizeof(a));
    return hc_memory_op(world_vcpu, args);
}

TEST(a_page_of_statistics_is_mapped)
{
    const struct podium_tmem_page *p;
    struct p2m_entry e;
    uint32_t sequence;

    start();
    EXPECT_EQ(create(0), 0);
    put(0, 1, 1);
    *(xen_pfn_t *)world_ram(2 * BUFFER) = SHOWN;
    EXPECT_EQ(acquire(2, 2 * BUFFER), -EINVAL);
    EXPECT_EQ(acquire(1, 2 * BUFFER), 0);
    e = p2m_get(&world_control->p2m, GFN(SHOWN));
    EXPECT_EQ(e.type, P2M_FOREIGN_RO);
    p = arch_map(e.mfn);
    EXPECT_EQ(p->version, PODIUM_TMEM_PAGE_VERSION);
    EXPECT_EQ(p->ephemeral_pages, 1);
    EXPECT_EQ(p->clients, 1);
    EXPECT_EQ(p->client_count, 1);
    EXPECT_EQ(p->client[0].domid, d->id);
    EXPECT_EQ(p->client[0].ephemeral_pages, 1);
    EXPECT(p->sequence && !(p->sequence & 1));
    sequence = p->sequence;
    put(0, 2, 2);
    tmem_page_update();
    EXPECT_EQ(p->sequence, sequence); /* not yet */
    fake_advance(200000000ULL);
    tmem_page_update();
    EXPECT_EQ(p->sequence, sequence + 2);
    EXPECT_EQ(p->ephemeral_pages, 2);
    domains_check();
    EXPECT_EQ(memory_remove(world_control, GFN(SHOWN)), 0);
    fake_advance(200000000ULL);
    tmem_page_update();
    EXPECT_EQ(p->sequence, sequence + 2); /* nobody looks */
    domains_check();
}

TEST(there_is_no_page_without_it)
{
    world_start(0x4000);
    *(xen_pfn_t *)world_ram(2 * BUFFER) = SHOWN;
    EXPECT_EQ(acquire(1, 2 * BUFFER), -EINVAL);
    EXPECT_EQ(p2m_get(&world_control->p2m, GFN(SHOWN)).type, P2M_HOLE);
}
