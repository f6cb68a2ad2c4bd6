/* SPDX-License-Identifier: MIT */
/*
 * The calls of transcendent memory, by three clients of which two are in one
 * group; the bytes are the choices. What a GET brings must be what was put last
 * under that name. After each call the books are recounted, and at the
 * end all memory is back. Streams are restored from what the bytes make of
 * them.
 */
#include "fuzz.h"

#include "overcommit/tmem_internal.h"
#include "tmem_host.h"

#define CLIENTS 3U
#define OBJECTS 4U
#define INDICES 4U

static const uint8_t *next, *end;
static struct tmem_client *clients[CLIENTS];
static uint32_t put_last[CLIENTS][TMEM_POOLS][OBJECTS][INDICES];
static bool may_be_there[CLIENTS][TMEM_POOLS][OBJECTS][INDICES];

static uint32_t choose(uint32_t limit)
{
    uint32_t byte = next < end ? *next++ : 0;

    return byte % limit;
}

/* --- One call --- */

static unsigned who, pool, object, place;

static void forget(void)
{
    memset(may_be_there[who][pool], 0, sizeof(may_be_there[who][pool]));
}

/* A pool that others share is not what this one has put. */
static bool is_shared(void)
{
    struct tmem_pool_info info;

    return tmem_pool_look(clients[who], pool, &info) == 0 &&
           (info.flags & TMEM_SHARED);
}

static void call_put(void)
{
    uint32_t contents = choose(256);
    int rc = put(clients[who], (int)pool, object, place * 255, contents);

    put_last[who][pool][object][place] = contents;
    may_be_there[who][pool][object][place] = rc == 1;
}

static void call_get(void)
{
    int rc = get(clients[who], (int)pool, object, place * 255);

    if (rc == 1 && !is_shared()) {
        EXPECT(may_be_there[who][pool][object][place]);
        EXPECT_EQ(got(), put_last[who][pool][object][place]);
    }
}

static void call_flush(void)
{
    if (choose(4)) {
        (void)flush(clients[who], (int)pool, object, place * 255);
        may_be_there[who][pool][object][place] = false;
    } else {
        (void)flush_object(clients[who], (int)pool, object);
        memset(may_be_there[who][pool][object], 0, INDICES);
    }
}

static void call_pool(void)
{
    struct tmem_uuid uuid = {{choose(3), 0}};

    switch (choose(4)) {
    case 0:
        if (destroy(clients[who], (int)pool) == 1) {
            forget();
        }
        break;
    case 1:
        (void)!tmem_authorize(clients[who], uuid, choose(2));
        break;
    case 2:
        (void)!tmem_pool_create_at(clients[who], pool, choose(4), uuid);
        break;
    default:
        (void)!tmem_pool_create(clients[who], choose(8), uuid);
    }
}

static void call_set(void)
{
    struct tmem_settings s = {.weight = choose(4),
                              .ephemeral_cap = choose(8),
                              .persistent_cap = choose(16),
                              .compress = choose(2)};

    tmem_client_set(clients[who], &s);
    tmem_freeze(clients[who], choose(8) == 0);
    tmem_set_policy(choose(TMEM_POLICIES));
}

static void call_evict(void)
{
    uint64_t reserve = choose(2) ? ~0ULL >> 2 : 100;

    tmem_set_reserve(reserve);
    if (choose(4) == 0) {
        (void)tmem_evict_superpage();
    } else {
        (void)tmem_evict(choose(64));
    }
}

static void call_save(void)
{
    static unsigned char buffer[4 * TMEM_STREAM_MIN];
    struct tmem_record r;
    struct tmem_stream s = {0};
    size_t used;

    switch (choose(5)) {
    case 0:
        (void)!tmem_save_begin(clients[who], choose(2));
        break;
    case 1:
        (void)!tmem_save_next(clients[who], pool, &r, buffer);
        break;
    case 2:
        (void)!tmem_save_next_flushed(clients[who], &r.handle);
        break;
    case 3:
        while (tmem_save_end(clients[who]) == -ERESTART) {
        }
        break;
    default: /* ours, with a few bytes that are not */
        if (tmem_stream_write(clients[who], &s, buffer, sizeof(buffer), &used) <
            0) {
            return;
        }
        for (unsigned i = choose(4); i > 0; i--) {
            buffer[choose(256) * 4 % used] = (uint8_t)choose(256);
        }
        s = (struct tmem_stream){0};
        who = (who + 1) % CLIENTS;
        (void)!tmem_stream_read(clients[who], &s, buffer, used, &used);
        memset(may_be_there[who], 0, sizeof(may_be_there[who]));
        (void)!tmem_client_empty(clients[who]);
        while (tmem_client_empty(clients[who]) == -ERESTART) {
        }
    }
}

static void one_call(void)
{
    static void (*const calls[])(void) = {
        call_put,   call_put, call_put,  call_get,   call_get,
        call_flush, call_set, call_pool, call_evict, call_save};
    uint32_t call = choose(2 * ARRAY_COUNT(calls)), where = choose(256);

    who = where % CLIENTS;
    pool = where / 4 % TMEM_POOLS;
    where = choose(256);
    object = where % OBJECTS;
    place = where / OBJECTS % INDICES;
    if (call >= ARRAY_COUNT(calls)) { /* an allocation fails */
        page_alloc_fail_nth(1 + choose(4));
        call -= ARRAY_COUNT(calls);
    }
    calls[call]();
    page_alloc_fail_nth(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_up;

    if (!is_up) {
        host_start(0x1000);
        is_up = true;
    }
    next = data;
    end = data + size;
    memset(may_be_there, 0, sizeof(may_be_there));
    tmem_set_reserve(100);
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = host_client(i + 1, i < 2);
        (void)host_pool(clients[i], 0);
        (void)host_pool(clients[i], TMEM_PERSISTENT);
    }
    while (next < end) {
        one_call();
        host_check();
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        host_end(clients[i]);
    }
    return 0;
}
