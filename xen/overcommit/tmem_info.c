/* SPDX-License-Identifier: MIT */
/*
 * Statistics. Nothing that a PUT waits for is held while they are read (T-40).
 * Of a pair of counters the one for all calls is raised before the one for good
 * ones, and read after it: so there are never more hits than gets (T-38).
 */
#include "lib/string.h"
#include "overcommit/tmem_internal.h"
#include "types/error.h"

/* In an order that the caller relies on. */
static uint64_t look(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

int tmem_pool_look(struct tmem_client *c, uint32_t id,
                   struct tmem_pool_info *info)
{
    struct tmem_pool *pool = pool_enter(c, id);
    const struct tmem_pool_counters *n;

    if (!pool) {
        return -ENODEV;
    }
    n = &pool->counters;
    info->id = id;
    info->flags = pool->flags;
    info->uuid = pool->uuid;
    info->sharers = READ_ONCE(pool->joins);
    info->pages = look(&n->pages);
    info->pages_max = MAX(look(&n->pages_max), info->pages);
    info->objects = look(&n->objects);
    info->objects_max = MAX(look(&n->objects_max), info->objects);
    info->puts_good = look(&n->puts_good);
    info->puts_no_memory = look(&n->puts_no_memory);
    info->dup_replaced = look(&n->dup_replaced);
    info->dup_dropped = look(&n->dup_dropped);
    info->puts = look(&n->puts);
    info->gets_hit = look(&n->gets_hit);
    info->gets = look(&n->gets);
    info->flushes_hit = look(&n->flushes_hit);
    info->flushes = look(&n->flushes);
    info->object_flushes_hit = look(&n->object_flushes_hit);
    info->object_flushes = look(&n->object_flushes);
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
    const struct tmem_client_counters *n = &c->counters;

    *info = (struct tmem_client_info){
        .id = c->id,
        .frozen = READ_ONCE(c->frozen),
        .saving = READ_ONCE(c->saving) != NOT_SAVING,
        .group = c->purse->store->group,
        .pool_count = count_pools(c),
        .ephemeral_pages = look(&n->pages[EPHEMERAL]),
        .persistent_pages = look(&n->pages[PERSISTENT]),
        .ephemeral_frames = look(&n->ephemeral_frames),
        .persistent_frames = READ_ONCE(c->purse->frames[PERSISTENT]),
        .record_frames = READ_ONCE(c->purse->slabs[PERSISTENT].frames),
        .ephemeral_gets = look(&n->ephemeral_gets),
        .persistent_gets = look(&n->persistent_gets),
        .persistent_puts = look(&n->persistent_puts),
        .compressed_pages = look(&n->compressed_pages),
        .compressed_bytes = look(&n->compressed_bytes),
        .compressed_poorly = look(&n->compressed_poorly),
        .no_memory = look(&n->no_memory),
        .evicted = look(&n->evicted),
    };
    info->ephemeral_max = MAX(look(&n->ephemeral_max), info->ephemeral_pages);
    tmem_client_settings(c, &info->settings);
}

static void add_cpu(struct tmem_info *info, const struct tmem_cpu *cpu)
{
    info->errors += READ_ONCE(cpu->counters.errors);
    info->ops += look(&cpu->counters.ops);
    info->frames_failed += READ_ONCE(cpu->counters.frames_failed);
    info->records_failed += READ_ONCE(cpu->counters.records_failed);
    info->low_memory += READ_ONCE(cpu->counters.low_memory);
    info->evicted_frames += READ_ONCE(cpu->counters.evicted_frames);
    info->evict_attempts += look(&cpu->counters.evict_attempts);
    info->evicted_pages += READ_ONCE(cpu->counters.evicted_pages);
    info->relinquished += READ_ONCE(cpu->counters.relinquished);
    info->relinquish_attempts += READ_ONCE(cpu->counters.relinquish_attempts);
    info->relinquish_max =
        MAX(info->relinquish_max, READ_ONCE(cpu->counters.relinquish_max));
    info->pool_flushes += READ_ONCE(cpu->counters.pool_flushes);
    info->put_attempts_max =
        MAX(info->put_attempts_max, READ_ONCE(cpu->counters.put_attempts_max));
    info->ephemeral_puts += READ_ONCE(cpu->counters.ephemeral_puts);
    info->deduped_puts += READ_ONCE(cpu->counters.deduped_puts);
    for (unsigned form = 0; form < TMEM_FORMS; form++) {
        info->form_puts[form] += READ_ONCE(cpu->counters.form_puts[form]);
        info->form_bytes[form] += READ_ONCE(cpu->counters.form_bytes[form]);
    }
}

static void add_client_locked(struct tmem_info *info,
                              const struct tmem_client *c)
{
    uint64_t frames = READ_ONCE(c->purse->frames[PERSISTENT]);
    uint64_t pages = look(&c->counters.pages[PERSISTENT]);

    info->clients++;
    info->ephemeral_pages += look(&c->counters.pages[EPHEMERAL]);
    info->persistent_pages += pages;
    info->persistent_frames += frames;
    for (unsigned i = 0; i < TMEM_POOLS; i++) {
        const struct tmem_pool *pool = c->joins[i].pool;

        if (pool && pool->owner == c) {
            info->objects += look(&pool->counters.objects);
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
            add_cpu(info, tmem_cpus[i]);
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
