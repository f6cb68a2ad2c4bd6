/* SPDX-License-Identifier: MIT */
/*
 * Statistics. Nothing that a PUT waits for is held while they are read (T-40).
 * Of a pair of counters the one for all calls is raised before the one for good
 * ones, and read after it: so there are never more hits than gets (T-38).
 */
#include "lib/string.h"
#include "overcommit/tmem_internal.h"
#include "types/error.h"

#define WORDS(counters) (sizeof(counters) / sizeof(uint64_t))
#define SUMS            (offsetof(struct tmem_cpu_counters, relinquish_max) / 8)

/* Adds words in the order in which they stand. */
static void add_words(void *to, const void *from, size_t count)
{
    uint64_t *sum = to;
    const uint64_t *counter = from;

    for (size_t i = 0; i < count; i++) {
        sum[i] += __atomic_load_n(&counter[i], __ATOMIC_ACQUIRE);
    }
}

int tmem_pool_look(struct tmem_client *c, uint32_t id,
                   struct tmem_pool_info *info)
{
    struct tmem_pool *pool = pool_enter(c, id);

    if (!pool) {
        return -ENODEV;
    }
    *info = (struct tmem_pool_info){.id = id,
                                    .flags = pool->flags,
                                    .uuid = pool->uuid,
                                    .sharers = READ_ONCE(pool->joins)};
    add_words(&info->n, &pool->counters, WORDS(info->n));
    info->n.pages_max = MAX(info->n.pages_max, info->n.pages);
    info->n.objects_max = MAX(info->n.objects_max, info->n.objects);
    pool_leave(c, id);
    return 0;
}

static uint32_t count_pools(const struct tmem_client *c)
{
    uint32_t count = 0;

    for (unsigned i = 0; i < TMEM_POOLS; i++) {
        count += READ_ONCE(c->joins[i].state) == JOIN_OPEN;
    }
    return count;
}

void tmem_client_look(struct tmem_client *c, struct tmem_client_info *info)
{
    *info = (struct tmem_client_info){
        .id = c->id,
        .frozen = READ_ONCE(c->frozen),
        .saving = READ_ONCE(c->saving) != NOT_SAVING,
        .group = c->purse->store->group,
        .pool_count = count_pools(c),
        .persistent_frames = READ_ONCE(c->purse->frames[PERSISTENT]),
        .record_frames = READ_ONCE(c->purse->slabs[PERSISTENT].frames),
    };
    add_words(&info->n, &c->counters, WORDS(info->n));
    info->n.ephemeral_max = MAX(info->n.ephemeral_max, info->n.ephemeral_pages);
    tmem_client_settings(c, &info->settings);
}

static void add_cpu(struct tmem_cpu_counters *n,
                    const struct tmem_cpu_counters *cpu)
{
    add_words(n, cpu, SUMS);
    n->relinquish_max = MAX(n->relinquish_max, READ_ONCE(cpu->relinquish_max));
    n->put_attempts_max =
        MAX(n->put_attempts_max, READ_ONCE(cpu->put_attempts_max));
}

static void add_client_locked(struct tmem_info *info,
                              const struct tmem_client *c)
{
    info->clients++;
    info->ephemeral_pages += READ_ONCE(c->counters.ephemeral_pages);
    info->persistent_pages += READ_ONCE(c->counters.persistent_pages);
    info->persistent_frames += READ_ONCE(c->purse->frames[PERSISTENT]);
    for (unsigned i = 0; i < TMEM_POOLS; i++) {
        const struct tmem_pool *pool = c->joins[i].pool;

        if (pool && pool->owner == c) {
            info->objects += READ_ONCE(pool->counters.objects);
        }
    }
}

static uint64_t contents_of(const struct tmem_store *s)
{
    return READ_ONCE(s->content_count);
}

static void note_most(uint64_t *most, uint64_t now, uint64_t *answer)
{
    count_max(most, now);
    *answer = READ_ONCE(*most);
}

void tmem_look(struct tmem_info *info)
{
    static uint64_t ephemeral_max, persistent_max, objects_max;
    struct tmem_client *c;

    memset(info, 0, sizeof(*info));
    info->policy = tmem_policy_now();
    if (!tmem_is_up()) {
        return;
    }
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        if (tmem_cpus[i]) {
            add_cpu(&info->n, &tmem_cpus[i]->counters);
        }
    }
    info->free_frames = frames_kept();
    info->frames = frames_total();
    info->frames -= MIN(info->frames, info->free_frames);
    info->frames_max = frames_most();
    lock(&tmem_control);
    info->weight_sum = tmem_weight_sum;
    list_for_each (c, &tmem_clients, in_clients) {
        add_client_locked(info, c);
    }
    info->contents = stores_sum_locked(contents_of);
    unlock(&tmem_control);
    note_most(&ephemeral_max, info->ephemeral_pages, &info->ephemeral_max);
    note_most(&persistent_max, info->persistent_pages, &info->persistent_max);
    note_most(&objects_max, info->objects, &info->objects_max);
    info->dedup_surplus = info->persistent_pages -
                          MIN(info->persistent_frames, info->persistent_pages);
}
