/* SPDX-License-Identifier: MIT */
/*
 * Clients: what is known of each, and the list of them.
 *
 *   tmem_weight_sum = sum of the clients' weights (T-29)
 */
#include "mm/heap.h"
#include "overcommit/tmem_internal.h"
#include "types/error.h"

struct lock tmem_control = LOCK_INIT(RANK_TMEM);
struct list tmem_clients = {&tmem_clients, &tmem_clients};
uint64_t tmem_weight_sum;
struct tmem_cpu *tmem_cpus[MAX_CPUS];

void count_max(uint64_t *counter, uint64_t value)
{
    uint64_t seen = READ_ONCE(*counter);

    while (value > seen &&
           !__atomic_compare_exchange_n(counter, &seen, value, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static int start_cpus(void)
{
    size_t size = sizeof(struct tmem_cpu) + lz4_state_size();

    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        tmem_cpus[i] = heap_alloc(size);
        if (!tmem_cpus[i]) {
            tmem_cpus[0] = NULL; /* then there is no tmem */
            return -ENOMEM;
        }
    }
    return 0;
}

int tmem_init(uint64_t key)
{
    int rc = index_start(key);

    list_init(&tmem_clients);
    list_init(&tmem_purses);
    tmem_weight_sum = 0;
    if (!rc) {
        rc = frames_start();
    }
    return rc ? rc : start_cpus();
}

int tmem_client_create(struct account *payer, domid_t id, uint32_t group,
                       struct tmem_client **client)
{
    struct tmem_client *c;
    struct tmem_purse *p;
    struct tmem_store *s;
    bool used;

    if (!tmem_is_up()) {
        return -ENODEV;
    }
    c = heap_alloc(sizeof(*c));
    p = heap_alloc(sizeof(*p));
    s = store_create(group);
    if (!c || !p || !s) {
        heap_free(c);
        heap_free(p);
        if (s) {
            store_destroy(s);
        }
        return -ENOMEM;
    }
    c->id = id;
    c->payer = payer;
    c->purse = p;
    list_init(&c->flushed);
    lock(&tmem_control);
    used = purse_enter_locked(p, s);
    p->owner = c;
    list_add_tail(&tmem_clients, &c->in_clients);
    unlock(&tmem_control);
    if (!used) {
        store_destroy(s);
    }
    *client = c;
    return 0;
}

void tmem_client_set(struct tmem_client *c, const struct tmem_settings *s)
{
    lock(&tmem_control);
    tmem_weight_sum += s->weight;
    tmem_weight_sum -= c->settings.weight;
    c->settings = *s;
    unlock(&tmem_control);
}

void tmem_client_settings(const struct tmem_client *c, struct tmem_settings *s)
{
    lock(&tmem_control);
    *s = c->settings;
    unlock(&tmem_control);
}

void tmem_freeze(struct tmem_client *c, bool frozen)
{
    WRITE_ONCE(c->frozen, frozen);
}

bool tmem_frozen(const struct tmem_client *c)
{
    return READ_ONCE(c->frozen);
}

bool client_is_frozen(const struct tmem_client *c)
{
    return READ_ONCE(c->frozen) || READ_ONCE(c->saving) != NOT_SAVING;
}

static bool nobody_waits(struct tmem_client *c)
{
    for (unsigned i = 0; i < TMEM_POOLS; i++) {
        if (c->joins[i].state != JOIN_FREE) {
            return false;
        }
    }
    return true;
}

int tmem_client_empty(struct tmem_client *c)
{
    int rc;

    for (unsigned id = 0; id < TMEM_POOLS; id++) {
        if (READ_ONCE(c->joins[id].state) == JOIN_CLOSED) {
            continue;
        }
        rc = tmem_pool_destroy(c, id);
        if (rc < 0) {
            return rc;
        }
        if (rc) {
            return -ERESTART;
        }
    }
    return 0;
}

int tmem_client_destroy(struct tmem_client *c)
{
    int rc;

    WRITE_ONCE(c->dying, true);
    rc = tmem_save_end(c);
    if (rc != -ENOENT && rc) {
        return rc;
    }
    rc = tmem_client_empty(c);
    if (rc) {
        return rc;
    }
    if (!nobody_waits(c) || !purse_end(c->purse)) {
        return -ERESTART;
    }
    lock(&tmem_control);
    tmem_weight_sum -= c->settings.weight;
    list_del(&c->in_clients);
    unlock(&tmem_control);
    heap_free(c);
    if (list_empty(&tmem_clients)) {
        (void)frames_give(~0ULL);
    }
    return 0;
}

/* --- Who may join --- */

static unsigned find_allowed_locked(const struct tmem_client *c,
                                    struct tmem_uuid uuid)
{
    unsigned i = 0;

    while (i < c->allowed_count && !uuid_is(c->allowed[i], uuid)) {
        i++;
    }
    return i;
}

int tmem_authorize(struct tmem_client *c, struct tmem_uuid uuid, bool allow)
{
    unsigned i;
    int rc = 0;

    lock(&tmem_control);
    i = find_allowed_locked(c, uuid);
    if (allow && i == TMEM_SHARED_POOLS) {
        rc = -ENOMEM;
    } else if (allow && i == c->allowed_count) {
        c->allowed[c->allowed_count++] = uuid;
    } else if (!allow && i < c->allowed_count) {
        c->allowed[i] = c->allowed[--c->allowed_count];
    }
    unlock(&tmem_control);
    return rc;
}

bool tmem_authorized(const struct tmem_client *c, struct tmem_uuid uuid)
{
    bool yes;

    lock(&tmem_control);
    yes = find_allowed_locked(c, uuid) < c->allowed_count;
    unlock(&tmem_control);
    return yes;
}
