/* SPDX-License-Identifier: MIT */
#include "tmem_host.h"

#include <stdlib.h>
#include <string.h>

#include "mm/heap.h"

#define LIMIT 4096

static bool started;
static struct account accounts[HOST_CLIENTS + 1];
static unsigned client_count;
static uint64_t free_before; /* the first client */
static _Alignas(4096) unsigned char page_in[PAGE_SIZE], page_out[PAGE_SIZE];

void host_start(uint64_t pages)
{
    machine_start(pages);
    EXPECT_EQ(tmem_init(0x123456789abcdefULL), 0);
    started = true;
    client_count = 0;
    memset(accounts, 0, sizeof(accounts));
}

struct account *host_account(unsigned n)
{
    return &accounts[n];
}

struct tmem_client *host_client(unsigned n, uint32_t group)
{
    struct tmem_client *c = NULL;

    if (!started) {
        host_start(HOST_PAGES);
    }
    if (!accounts[n].number) {
        machine_account(&accounts[n], (domid_t)n, LIMIT);
    }
    if (!client_count++) {
        free_before = page_alloc_info().free;
    }
    EXPECT_EQ(tmem_client_create(&accounts[n], (domid_t)n, group, &c), 0);
    return c;
}

int host_pool(struct tmem_client *c, uint32_t flags)
{
    int id = tmem_pool_create(c, flags, (struct tmem_uuid){{0, 0}});

    EXPECT(id >= 0);
    return id;
}

void host_check(void)
{
    fake_console_clear();
    if (tmem_audit()) {
        FAIL("%s", fake_console_output());
    }
    machine_check();
}

void host_end(struct tmem_client *c)
{
    while (tmem_client_destroy(c) == -ERESTART) {
        host_check();
    }
    host_check();
    if (!--client_count) {
        struct tmem_info info = host_info();

        EXPECT_EQ(info.frames, 0);
        EXPECT_EQ(info.free_frames, 0);
        EXPECT_EQ(info.weight_sum, 0);
        EXPECT_EQ(page_alloc_info().free, free_before);
    }
}

void host_forget(void)
{
    client_count--;
}

/* --- Contents --- */

static uint64_t next(uint64_t *x)
{
    *x += 0x9e3779b97f4a7c15ULL;
    return (*x ^ *x >> 31) * 0xbf58476d1ce4e5b9ULL;
}

void make_page(uint32_t contents, void *page)
{
    uint64_t *w = page, x = contents, words = PAGE_SIZE / 8;

    memset(page, 0, PAGE_SIZE);
    switch (contents % 4) {
    case WORD_PAGE:
        for (unsigned i = 0; i < words; i++) {
            w[i] = contents;
        }
        break;
    case TAIL_PAGE:
        w[0] = contents;
        for (unsigned i = 1; i <= contents / 4 % 300; i++) {
            w[i] = next(&x);
        }
        break;
    case TEXT_PAGE:
        for (unsigned i = 0; i < words; i++) {
            w[i] = i % (2 + contents / 4 % 7) ? 0x2020202020202020ULL
                                              : next(&x) >> 16;
        }
        w[words - 1] = contents;
        break;
    default:
        for (unsigned i = 0; i < words; i++) {
            w[i] = next(&x);
        }
    }
    if (contents % 4 != WORD_PAGE) {
        w[0] = contents;
    }
}

uint32_t got(void)
{
    uint32_t contents = *(uint32_t *)(void *)page_out;

    make_page(contents, page_in);
    return memcmp(page_in, page_out, PAGE_SIZE) ? ~0U : contents;
}

/* --- Calls --- */

struct tmem_handle handle(int id, uint64_t oid, uint32_t index)
{
    return (struct tmem_handle){(uint32_t)id, index, {oid, ~oid, 0}};
}

int put(struct tmem_client *c, int id, uint64_t oid, uint32_t index,
        uint32_t contents)
{
    struct tmem_handle h = handle(id, oid, index);

    make_page(contents, page_in);
    return tmem_put(c, &h, page_in);
}

int get(struct tmem_client *c, int id, uint64_t oid, uint32_t index)
{
    struct tmem_handle h = handle(id, oid, index);

    memset(page_out, 0xa5, PAGE_SIZE);
    return tmem_get(c, &h, page_out);
}

bool get_is(struct tmem_client *c, int id, uint64_t oid, uint32_t index,
            uint32_t contents)
{
    return get(c, id, oid, index) == 1 && got() == contents;
}

int flush(struct tmem_client *c, int id, uint64_t oid, uint32_t index)
{
    struct tmem_handle h = handle(id, oid, index);

    return tmem_flush_page(c, &h);
}

int flush_object(struct tmem_client *c, int id, uint64_t oid)
{
    struct tmem_handle h = handle(id, oid, 0);
    int rc;

    do {
        rc = tmem_flush_object(c, &h);
    } while (rc == -ERESTART);
    return rc;
}

int destroy(struct tmem_client *c, int id)
{
    int rc;

    do {
        rc = tmem_pool_destroy(c, (uint32_t)id);
    } while (rc == -ERESTART);
    return rc;
}

void compress(struct tmem_client *c, bool yes)
{
    struct tmem_settings s;

    tmem_client_settings(c, &s);
    s.compress = yes;
    tmem_client_set(c, &s);
}

/* --- Statistics --- */

struct tmem_client_info info_of(struct tmem_client *c)
{
    struct tmem_client_info info;

    tmem_client_look(c, &info);
    return info;
}

struct tmem_pool_info pool_info(struct tmem_client *c, int id)
{
    struct tmem_pool_info info;

    EXPECT_EQ(tmem_pool_look(c, (uint32_t)id, &info), 0);
    return info;
}

struct tmem_info host_info(void)
{
    struct tmem_info info;

    tmem_look(&info);
    return info;
}
