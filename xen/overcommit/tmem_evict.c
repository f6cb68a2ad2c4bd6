/* SPDX-License-Identifier: MIT */
/*
 * Who gives way: a purse is chosen, then the frame in it.
 *
 * With weights, the client that is furthest above its share (T-28, T-30):
 *
 *   excess = frames(client) * sum of weights - weight * frames of all clients
 *
 * Nobody above his share, or no weights at all: the purse with the oldest
 * block, which makes the order one of the whole host. Within a purse it is the
 * oldest block, of those at the old end the one whose mean age is highest; all
 * its slots go, so one eviction is one frame (T-35). Records without data, of
 * pages that are one word, take memory too: when a purse has some frames more
 * of records than of data, the oldest of those goes with all that it names.
 *
 * A block is looked at under its store's lock, but its pages belong to shards,
 * whose locks come first. So it is pinned, the store's lock is let go, and each
 * page's shard is locked in turn; whatever has changed meanwhile is seen then.
 * Pages that somebody is reading stay, and their block with them: this attempt
 * has failed.
 */
#include "mm/block.h"
#include "overcommit/tmem_internal.h"

#define LOOK_AT       4  /* blocks at the old end */
#define RECORDS_SLACK 16 /* frames of records beyond those of data */

static enum tmem_policy policy;

struct policy {
    const char *name;
    bool weighted; /* or the host's oldest */
    bool clock;    /* what was read goes round once more */
};

static const struct policy policies[TMEM_POLICIES] = {
    [TMEM_WEIGHTED] = {"weighted", true, false},
    [TMEM_LRU] = {"lru", false, false},
    [TMEM_CLOCK] = {"clock", true, true},
};

void tmem_set_policy(enum tmem_policy p)
{
    WRITE_ONCE(policy, p);
}

enum tmem_policy tmem_policy_now(void)
{
    return READ_ONCE(policy);
}

const char *tmem_policy_name(enum tmem_policy p)
{
    return policies[p].name;
}

/* --- Which purse --- */

static uint64_t frames_of(const struct tmem_purse *p)
{
    return READ_ONCE(p->frames[EPHEMERAL]) +
           READ_ONCE(p->slabs[EPHEMERAL].frames);
}

/* Frames of records of blocks that are no more, too. */
static bool has_frames(const struct tmem_purse *p)
{
    return frames_of(p) || READ_ONCE(p->store->slabs[EPHEMERAL].frames);
}

/* Frames that a client has beyond its share, times the sum of weights. */
static int64_t excess(const struct tmem_client *c, uint64_t all)
{
    uint64_t mine = READ_ONCE(c->counters.ephemeral_frames);

    return (int64_t)(mine * tmem_weight_sum) -
           (int64_t)(c->settings.weight * all);
}

static uint64_t all_frames_locked(void)
{
    struct tmem_client *c;
    uint64_t all = 0;

    list_for_each (c, &tmem_clients, in_clients) {
        all += READ_ONCE(c->counters.ephemeral_frames);
    }
    return all;
}

/* The order is that of age, unless one is further above its share. */
static struct tmem_purse *choose_purse_locked(const struct tmem_client *own)
{
    bool weighted =
        policies[READ_ONCE(policy)].weighted && tmem_weight_sum && !own;
    uint64_t all = weighted ? all_frames_locked() : 0, oldest = 0;
    struct tmem_purse *p, *best = NULL;
    int64_t most = 0;

    list_for_each (p, &tmem_purses, in_purses) {
        int64_t over = weighted ? MAX(excess(p->owner, all), 0) : 0;
        uint64_t age = READ_ONCE(p->oldest);

        if (!has_frames(p) || (own && p->owner != own)) {
            continue;
        }
        if (!best || over > most || (over == most && age < oldest)) {
            best = p;
            most = over;
            oldest = age;
        }
    }
    return best;
}

static struct tmem_purse *choose_purse(const struct tmem_client *own)
{
    struct tmem_purse *p;

    lock(&tmem_control);
    p = choose_purse_locked(own);
    if (p) {
        __atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
    }
    unlock(&tmem_control);
    return p;
}

/* --- Which block --- */

/* True: it stays for another turn. */
static bool has_second_chance(struct tmem_block *b)
{
    bool shared = false;

    if (policies[READ_ONCE(policy)].clock && b->read) {
        b->read = false;
        return true;
    }
    for (unsigned i = 0; i < b->slot_count; i++) {
        shared = shared || b->slots[i].refs > 1;
    }
    if (shared && !b->attempted) {
        b->attempted = true;
        return true;
    }
    return false;
}

/* The oldest on average of the first few. */
static struct tmem_block *choose_block_locked(struct tmem_purse *p)
{
    struct tmem_block *b, *best = NULL;
    unsigned looked = 0;

    list_for_each (b, &p->blocks[EPHEMERAL], in_purse) {
        if (!b->pins && (!best || b->stamp < best->stamp)) {
            best = b;
        }
        if (++looked == LOOK_AT && best) {
            break;
        }
    }
    return best;
}

/* --- Taking it --- */

static void note_evicted(struct tmem_page *p)
{
    struct tmem_purse *purse = p->anchor->pool->purse;

    count_add(&purse->owner->counters.evicted, 1);
    this_tmem_cpu()->counters.evicted_pages++;
}

/*
 * Drop p, which is in that slot of a pinned block or in a pinned slab, as seen
 * with the store's lock held. It is let go, and held again afterwards. False:
 * somebody reads it.
 */
static bool drop_page(struct tmem_store *s, struct tmem_page *p,
                      struct tmem_page *const *place)
{
    unsigned shard = p->shard;
    bool busy = false;

    unlock(&s->lock);
    lock(&shards[shard].lock);
    lock(&s->lock);
    if (*place == p && p->shard == shard && p->mark != PAGE_IS_FREE) {
        busy = p->pins || p->mark != PAGE_LIVE;
        if (!busy) {
            note_evicted(p);
            page_drop_both_locked(p);
        }
    }
    unlock(&s->lock);
    unlock(&shards[shard].lock);
    lock(&s->lock);
    return !busy;
}

/* The store's lock is let go in between. True: its frame is free. */
static bool evict_block(struct tmem_store *s, struct tmem_block *b)
{
    bool busy = false;
    unsigned left;

    b->pins++;
    for (unsigned i = 0; i < b->slot_count && !busy; i++) {
        for (left = 2 * SHARERS_MAX; b->slots[i].refs && !busy; left--) {
            busy = !left || !b->slots[i].first ||
                   !drop_page(s, b->slots[i].first, &b->slots[i].first);
        }
    }
    b->pins--;
    if (b->used) {
        block_touch_locked(b);
        return false;
    }
    block_settle_locked(b);
    return true;
}

/* Of pages: they go, and it with them. Of others: it goes if it is empty. */
static bool evict_slab(struct tmem_store *s, struct tmem_slab *slab)
{
    unsigned count = slab->class == SLAB_PAGE ? slab->fresh : 0;

    slab->pins++;
    for (unsigned i = 0; i < count; i++) {
        struct tmem_page *p = slab_object(slab, i);

        if (p->mark == PAGE_LIVE) {
            (void)drop_page(s, p, &p);
        }
    }
    slab_unpin_locked(slab);
    return true;
}

static struct tmem_slab *oldest_slab(struct tmem_purse *p)
{
    struct tmem_slabs *slabs = &p->slabs[EPHEMERAL];
    struct list *l = &slabs->full[SLAB_PAGE];

    l = list_empty(l) ? &slabs->partial[SLAB_PAGE] : l;
    return list_empty(l) ? NULL : list_first(l, struct tmem_slab, list);
}

/* One attempt in this purse. */
static bool evict_from(struct tmem_purse *p)
{
    struct tmem_store *s = p->store;
    struct tmem_block *b = NULL;
    struct tmem_slab *slab;
    bool done = false;

    lock(&s->lock);
    if (p->slabs[EPHEMERAL].frames <= p->frames[EPHEMERAL] + RECORDS_SLACK) {
        b = choose_block_locked(p);
    }
    slab = b ? NULL : oldest_slab(p);
    if (b && has_second_chance(b)) {
        block_touch_locked(b);
    } else if (b) {
        done = evict_block(s, b);
    } else if (slab) {
        done = evict_slab(s, slab);
    }
    unlock(&s->lock);
    if (!b && !slab) {
        slabs_shrink(&p->slabs[EPHEMERAL]);
        slabs_shrink(&s->slabs[EPHEMERAL]);
    }
    return done;
}

bool evict_once(const struct tmem_client *own, uint64_t *evicted)
{
    struct tmem_purse *p = choose_purse(own);

    this_tmem_cpu()->counters.evict_attempts++;
    if (!p) {
        return false;
    }
    if (evict_from(p)) {
        this_tmem_cpu()->counters.evicted_frames++;
        ++*evicted;
    }
    purse_put(p);
    return true;
}

/* --- For the host --- */

uint64_t tmem_evict(uint64_t pages)
{
    uint64_t wanted = MIN(pages, TMEM_EVICT_MAX), given, attempts = 0;
    struct tmem_cpu *cpu = this_tmem_cpu();
    uint64_t evicted = 0;

    if (!tmem_is_up()) {
        return 0;
    }
    given = frames_give(wanted);
    while (given < wanted && attempts < 2UL * TMEM_EVICT_MAX &&
           evict_once(NULL, &evicted)) {
        attempts++;
        given += frames_give(wanted - given);
    }
    cpu->counters.relinquish_attempts++;
    cpu->counters.relinquished += given;
    cpu->counters.relinquish_max = MAX(cpu->counters.relinquish_max, attempts);
    return given;
}

/* Whose frame it is, with a reference on a purse of that store. */
static struct tmem_purse *purse_of_store(uint16_t id)
{
    struct tmem_purse *p, *found = NULL;

    lock(&tmem_control);
    list_for_each (p, &tmem_purses, in_purses) {
        if (p->store->id == id) {
            found = p;
            __atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
            break;
        }
    }
    unlock(&tmem_control);
    return found;
}

/* Whatever is in that frame goes, if it can. */
static void evict_frame(struct page *frame)
{
    uint16_t id, again;
    void *user = frame_user(frame, &id);
    struct tmem_purse *p = purse_of_store(id);
    struct tmem_store *s;
    struct tmem_block *b = user;

    if (!p) {
        return;
    }
    s = p->store;
    lock(&s->lock);
    /* With the lock, what it says is true if it is this store's. */
    if (!(READ_ONCE(frame->flags) & PAGE_TMEM) ||
        frame_user(frame, &again) != user || again != id) {
        user = NULL;
    } else if (user && slab_of(user) == user) {
        struct tmem_slab *slab = user;

        if (slab->slabs->kind == EPHEMERAL) {
            (void)evict_slab(s, slab);
        }
    } else if (user && b->kind == EPHEMERAL && !b->pins) {
        (void)evict_block(s, b);
    }
    unlock(&s->lock);
    purse_put(p);
}

uint64_t tmem_evict_superpage(void)
{
    struct page *first = tmem_is_up() ? chunk_choose() : NULL;

    if (!first) {
        return 0;
    }
    /* Twice, since records of blocks may come before their blocks. */
    for (unsigned i = 0; i < 2 * BLOCK_PAGES; i++) {
        evict_frame(&first[i % BLOCK_PAGES]);
    }
    return chunk_finish(first) ? BLOCK_PAGES : 0;
}

static uint64_t block_records(const struct tmem_store *s)
{
    return READ_ONCE(s->slabs[EPHEMERAL].frames);
}

uint64_t tmem_freeable(void)
{
    struct tmem_purse *p;
    uint64_t all = 0;

    if (!tmem_is_up()) {
        return 0;
    }
    lock(&tmem_control);
    list_for_each (p, &tmem_purses, in_purses) {
        all += frames_of(p);
    }
    all += stores_sum_locked(block_records);
    unlock(&tmem_control);
    return all + frames_kept();
}
