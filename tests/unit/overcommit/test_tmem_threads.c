/* SPDX-License-Identifier: MIT */
/*
 * Several CPUs at once, with all memory ephemeral and one object per client:
 * rows 9, 24, 25 and 46 of the checklist. What can be wrong is seen by pages
 * that are not what was put, by the audit at the end, and by a test that does
 * not end. The thread sanitizer sees more (see mm/test_threads.c).
 */
#include <pthread.h>
#include <stdio.h>

#include "overcommit/tmem_internal.h"
#include "tmem_host.h"

#define CPUS    4
#define ROUNDS  6000
#define INDICES 3000 /* more than memory has room for */

static struct tmem_client *clients[CPUS];
static bool one_client; /* of all CPUs, instead of one each */
static int persistent;  /* id of a persistent pool, and its pages are this CPU's
                           own */

/* Each page says its own name, and otherwise what its number makes of it. */
static uint32_t contents(uint32_t index, uint32_t variant)
{
    return index * 16 + variant % 16;
}

static bool is_of(const void *page, uint32_t index)
{
    static _Thread_local _Alignas(4096) unsigned char wanted[PAGE_SIZE];
    uint32_t is = *(const uint32_t *)page;

    make_page(is, wanted);
    return is / 16 == index && memcmp(page, wanted, PAGE_SIZE) == 0;
}

static void one_call(struct tmem_client *c, unsigned me, uint64_t *random)
{
    static _Thread_local _Alignas(4096) unsigned char page[PAGE_SIZE];
    uint32_t index = (uint32_t)unit_random_below(random, INDICES);
    struct tmem_handle h = handle(0, 1, index);
    int rc = 0;

    switch (unit_random_below(random, 16)) {
    case 0:
        rc = tmem_flush_page(c, &h);
        break;
    case 1:
        (void)tmem_evict(unit_random_below(random, 3));
        break;
    case 2:
        if (unit_random_below(random, 200) == 0) {
            h.oid[0] = unit_random_below(random, 2);
            rc = tmem_flush_object(c, &h);
        } else if (unit_random_below(random, 200) == 0) {
            (void)tmem_evict_superpage();
        }
        break;
    case 3:
    case 4:
    case 5:
    case 6:
        rc = tmem_get(c, &h, page);
        EXPECT(rc != 1 || is_of(page, index));
        break;
    case 7: /* a page of its own, which must be there */
        h = handle(persistent, me, index);
        make_page(contents(index, me), page);
        if (tmem_put(c, &h, page) == 1) {
            EXPECT_EQ(tmem_get(c, &h, page), 1);
            EXPECT(is_of(page, index));
        }
        rc = tmem_flush_page(c, &h);
        break;
    default:
        make_page(contents(index, (uint32_t)unit_random(random)), page);
        rc = tmem_put(c, &h, page);
        EXPECT(rc == 1 || rc == -ENOMEM || rc == -ENOSPC);
    }
    EXPECT(rc != -ENODEV);
}

static void *work(void *cpu)
{
    unsigned me = (unsigned)(uintptr_t)cpu;
    struct tmem_client *c = clients[one_client ? 0 : me];
    uint64_t random = unit_seed(7) + me;

    fake_set_cpu(me);
    for (unsigned i = 0; i < ROUNDS; i++) {
        one_call(c, me, &random);
    }
    return NULL;
}

static void run_all(void *(*fn)(void *))
{
    pthread_t threads[CPUS];

    for (uintptr_t i = 1; i < CPUS; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, fn, (void *)i), 0);
    }
    fn(NULL);
    for (unsigned i = 1; i < CPUS; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    fake_set_cpu(0);
}

static void stress(uint32_t group)
{
    unsigned count = one_client ? 1 : CPUS;

    host_start(0x400);
    for (unsigned i = 0; i < count; i++) {
        clients[i] = host_client(i + 1, group);
        compress(clients[i], i & 1);
        (void)host_pool(clients[i], 0);
        persistent = host_pool(clients[i], TMEM_PERSISTENT);
    }
    run_all(work);
    host_check();
    EXPECT(host_info().n.evicted_frames > 100);
    EXPECT(host_info().n.put_attempts_max >= 1); /* memory did run out */
    EXPECT(host_info().n.put_attempts_max <= PUT_EVICTIONS);
    printf("     longest PUT: %lu attempts to evict\n",
           host_info().n.put_attempts_max);
    for (unsigned i = 0; i < count; i++) {
        host_end(clients[i]);
    }
}

TEST(clients_with_one_object_each_and_no_memory_left)
{
    stress(0);
}

TEST(clients_of_one_group_and_no_memory_left)
{
    stress(5);
}

TEST(one_client_on_all_processors_and_no_memory_left)
{
    one_client = true;
    stress(0);
}

TEST(all_of_it_under_one_lock)
{
    tmem_set_shards(1);
    stress(0);
}

/* --- two make the same object at the same moment --- */

#define MADE 100

static pthread_barrier_t barrier;
static unsigned made[CPUS];

static void *make_objects(void *cpu)
{
    static _Thread_local _Alignas(4096) unsigned char page[PAGE_SIZE];
    unsigned me = (unsigned)(uintptr_t)cpu;

    fake_set_cpu(me);
    for (unsigned i = 0; i < MADE; i++) {
        struct tmem_handle h = handle(0, i, me);

        (void)pthread_barrier_wait(&barrier);
        make_page(contents(me, i), page);
        made[me] += tmem_put(clients[0], &h, page) == 1;
    }
    return NULL;
}

TEST(x10_no_page_of_an_object_is_lost_that_two_make_at_once)
{
    clients[0] = host_client(1, 0);
    EXPECT_EQ(host_pool(clients[0], TMEM_PERSISTENT), 0);
    EXPECT_EQ(pthread_barrier_init(&barrier, NULL, CPUS), 0);
    run_all(make_objects);
    host_check();
    EXPECT_EQ(pool_info(clients[0], 0).n.pages, CPUS * MADE);
    EXPECT_EQ(pool_info(clients[0], 0).n.objects, MADE);
    for (unsigned i = 0; i < MADE; i++) {
        EXPECT_EQ(made[i % CPUS], MADE);
        for (unsigned cpu = 0; cpu < CPUS; cpu++) {
            EXPECT(get_is(clients[0], 0, i, cpu, contents(cpu, i)));
        }
    }
    host_end(clients[0]);
}

/* --- A page that changes while it is put --- */

#define CHANGES 3000
#define WORDS   (PAGE_SIZE / sizeof(uint64_t))
#define MARK    0xabcd0000abcd0000ULL

static _Alignas(4096) volatile uint64_t changing[WORDS];
static unsigned is_put; /* atomic */

/* It becomes one word, a tail, what packs and what does not, and is each in
 * part most of the time. */
static void *change(void *nothing)
{
    for (unsigned n = 0; !__atomic_load_n(&is_put, __ATOMIC_ACQUIRE); n++) {
        for (unsigned i = 0; i < WORDS; i++) {
            static const unsigned lengths[] = {WORDS, 100, 250, WORDS};
            uint64_t word = n % 2 ? MARK : MARK | (n * i * i & 0xffff);

            changing[i] = i < lengths[n / 2 % 4] ? word : 0;
        }
    }
    return nothing;
}

static bool is_made_of_that(const uint64_t *page)
{
    for (unsigned i = 0; i < WORDS; i++) {
        if (page[i] && (page[i] & ~0xffffULL) != MARK) {
            return false;
        }
    }
    return true;
}

static void put_what_changes(uint32_t group, bool pack)
{
    static _Alignas(4096) uint64_t page[WORDS];
    struct tmem_client *c = host_client(1, group);
    pthread_t thread;

    compress(c, pack);
    EXPECT_EQ(host_pool(c, TMEM_PERSISTENT), 0);
    __atomic_store_n(&is_put, 0, __ATOMIC_RELEASE);
    EXPECT_EQ(pthread_create(&thread, NULL, change, NULL), 0);
    for (uint32_t n = 0; n < CHANGES; n++) {
        struct tmem_handle h = handle(0, 1, n % 64);

        EXPECT_EQ(tmem_put(c, &h, (const void *)changing), 1);
        EXPECT_EQ(tmem_get(c, &h, page), 1);
        EXPECT(is_made_of_that(page));
    }
    __atomic_store_n(&is_put, 1, __ATOMIC_RELEASE);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    host_end(c);
}

TEST(a_page_may_change_while_it_is_put)
{
    for (uint32_t group = 0; group < 2; group++) {
        put_what_changes(group, false);
        put_what_changes(group, true);
    }
}

/* --- Pools and clients that come and go under the calls of others --- */

static unsigned ready;

static void *come_and_go(void *cpu)
{
    static _Thread_local _Alignas(4096) unsigned char page[PAGE_SIZE];
    static const struct tmem_uuid uuid = {{1, 1}};
    unsigned me = (unsigned)(uintptr_t)cpu;
    uint64_t random = unit_seed(9) + me;

    fake_set_cpu(me);
    for (unsigned i = 0; i < 2000; i++) {
        struct tmem_handle h = handle((int)unit_random_below(&random, 2),
                                      unit_random_below(&random, 50), me);
        struct tmem_client *c = clients[me % 2];
        struct tmem_client_info info;
        struct tmem_pool_info pool;

        switch (unit_random_below(&random, 40)) {
        case 0:
            (void)!tmem_pool_destroy(c, h.pool_id);
            break;
        case 1:
        case 2:
            (void)!tmem_pool_create(c, TMEM_SHARED, uuid);
            break;
        case 3:
            (void)tmem_evict(8);
            break;
        case 4:
            tmem_client_look(c, &info);
            if (tmem_pool_look(c, h.pool_id, &pool) == 0) {
                EXPECT(pool.n.gets_hit <= pool.n.gets);
                EXPECT(pool.n.puts_good <= pool.n.puts);
            }
            break;
        default:
            make_page(contents(me, i), page);
            (void)!tmem_put(c, &h, page);
            (void)!tmem_get(c, &h, page);
        }
    }
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

TEST(x9_pools_that_are_shared_come_and_go_under_calls)
{
    static const struct tmem_uuid uuid = {{1, 1}};

    for (unsigned i = 0; i < 2; i++) {
        clients[i] = host_client(i + 1, 0);
        EXPECT_EQ(tmem_authorize(clients[i], uuid, true), 0);
    }
    run_all(come_and_go);
    EXPECT_EQ(ready, CPUS);
    host_check();
    host_end(clients[0]);
    host_end(clients[1]);
}
