/* SPDX-License-Identifier: MIT */
/*
 * Sysctl 24, the toolstack's side of transcendent memory (T-8..T-11), and a few
 * commands of our own there (public/podium.h). The sysctl's dispatcher has
 * asked for privilege before it looked at anything; each command is a row with
 * a name of its own, for who wants to allow some and not others (T-10).
 *
 * A command is about one client, about all (PODIUM_TMEM_ALL), or either. A
 * client is a domain that uses transcendent memory; what is set for a domain
 * before it does makes it one.
 */
#include "guest/sysctl_tmem.h"

#include "domain/tmem_client.h"
#include "guest/copy.h"
#include "guest/hypercall.h"
#include "guest/tmem_text.h"
#include "lib/string.h"
#include "public/podium.h"
#include "types/error.h"

#include <xen/tmem.h>

BUILD_ASSERT(sizeof(struct podium_tmem_control) == 56, "T-8");
BUILD_ASSERT(offsetof(struct podium_tmem_control, oid) == 24, "T-8");
BUILD_ASSERT(offsetof(struct podium_tmem_control, buffer) == 48, "T-8");
BUILD_ASSERT(sizeof(struct podium_tmem_client) == 20, "T-9");
BUILD_ASSERT(sizeof(struct podium_tmem_pool) == 32, "T-9");
BUILD_ASSERT(sizeof(struct podium_tmem_handle) == 32, "T-9");
BUILD_ASSERT(sizeof(struct podium_tmem_control) <=
                 sizeof(((struct xen_sysctl *)0)->u),
             "sysctl ABI");

#define KIB_PER_PAGE  4
#define PAGES_PER_MIB 256

/* What `client` says. Of a domain that is no client: -ENOENT. */
enum scope {
    ONE,    /* a domain */
    MAKE,   /* the same; it becomes a client, or -EEXIST */
    EACH,   /* a domain; or all, one after the other of those that are */
    SET,    /* the same; a single one that is none becomes one */
    HOST,   /* all, without a client */
    EITHER, /* a domain; or all, without a client */
};

/*
 * Freezing, giving back, destroying.
 */

static int thaw(const struct tmem_call *c)
{
    tmem_freeze(c->client, false);
    return 0;
}

static int freeze(const struct tmem_call *c)
{
    tmem_freeze(c->client, true);
    return 0;
}

/* As much as it can before there is something else to do: who wants more asks
 * again. */
static int flush(const struct tmem_call *c)
{
    uint64_t wanted = ((uint64_t)c->op->arg + KIB_PER_PAGE - 1) / KIB_PER_PAGE;
    uint64_t given = 0, some;

    do {
        some = tmem_evict(wanted - given);
        given += some;
    } while (some && given < wanted && !hypercall_preempt(c->caller));
    return (int)MIN(given * KIB_PER_PAGE, (uint64_t)INT32_MAX);
}

static int destroy(const struct tmem_call *c)
{
    int rc;

    do {
        rc = tmem_client_empty(c->client);
    } while (rc == -ERESTART && !hypercall_preempt(c->caller));
    return rc;
}

/*
 * Looking and setting.
 */

static int list(const struct tmem_call *c)
{
    return tmem_text_write(c->caller, c->d, c->op->arg, c->op->buffer,
                           c->op->length);
}

static int freeable_mib(const struct tmem_call *c)
{
    (void)c;
    return (int)MIN(tmem_freeable() / PAGES_PER_MIB, (uint64_t)INT32_MAX);
}

static int get_client(const struct tmem_call *c)
{
    struct podium_tmem_client record;
    struct tmem_client_info info;

    if (c->op->length < sizeof(record)) {
        return -EINVAL;
    }
    tmem_client_look(c->client, &info);
    record = (struct podium_tmem_client){
        .version = TMEM_SPEC_VERSION,
        .max_pools = TMEM_POOLS,
        .pools = info.pool_count,
        .flags = (info.frozen ? PODIUM_TMEM_CLIENT_frozen : 0) |
                 (info.settings.compress ? PODIUM_TMEM_CLIENT_compress : 0) |
                 (info.saving ? PODIUM_TMEM_CLIENT_migrating : 0),
        .weight = info.settings.weight,
    };
    return copy_to_guest(c->caller, c->op->buffer, &record, sizeof(record));
}

/* Frozen and migrating have commands of their own. */
static int set_client(const struct tmem_call *c)
{
    struct podium_tmem_client record;
    struct tmem_settings settings;
    int rc;

    if (c->op->length < sizeof(record)) {
        return -EINVAL;
    }
    rc = copy_from_guest(c->caller, &record, c->op->buffer, sizeof(record));
    if (rc) {
        return rc;
    }
    if (record.version != TMEM_SPEC_VERSION) {
        return -EOPNOTSUPP;
    }
    if (record.max_pools > TMEM_POOLS) {
        return -ERANGE;
    }
    tmem_client_settings(c->client, &settings);
    settings.weight = record.weight;
    settings.compress = record.flags & PODIUM_TMEM_CLIENT_compress;
    tmem_client_set(c->client, &settings);
    return 0;
}

static int get_limits(const struct tmem_call *c)
{
    struct podium_tmem_limits limits;
    struct tmem_settings settings;

    if (c->op->length < sizeof(limits)) {
        return -EINVAL;
    }
    tmem_client_settings(c->client, &settings);
    limits = (struct podium_tmem_limits){
        .ephemeral_kib = settings.ephemeral_cap * KIB_PER_PAGE,
        .persistent_kib = settings.persistent_cap * KIB_PER_PAGE,
    };
    return copy_to_guest(c->caller, c->op->buffer, &limits, sizeof(limits));
}

/* Whole pages; a limit below one page is one page, since 0 is none. */
static uint64_t pages_of_limit(uint64_t kib)
{
    return kib ? MAX(kib / KIB_PER_PAGE, (uint64_t)1) : 0;
}

static int set_limits(const struct tmem_call *c)
{
    struct podium_tmem_limits limits;
    struct tmem_settings settings;
    int rc;

    if (c->op->length < sizeof(limits)) {
        return -EINVAL;
    }
    rc = copy_from_guest(c->caller, &limits, c->op->buffer, sizeof(limits));
    if (rc) {
        return rc;
    }
    tmem_client_settings(c->client, &settings);
    settings.ephemeral_cap = pages_of_limit(limits.ephemeral_kib);
    settings.persistent_cap = pages_of_limit(limits.persistent_kib);
    tmem_client_set(c->client, &settings);
    return 0;
}

static int set_auth(const struct tmem_call *c)
{
    const struct tmem_uuid uuid = {{c->op->oid[0], c->op->oid[1]}};

    if (c->op->arg > 1) {
        return -EINVAL;
    }
    return tmem_authorize(c->client, uuid, c->op->arg);
}

/*
 * Pools as records.
 */

static int check_pool_array(uint32_t length)
{
    if (length % sizeof(struct podium_tmem_pool)) {
        return -EINVAL;
    }
    return length / sizeof(struct podium_tmem_pool) > TMEM_POOLS ? -E2BIG : 0;
}

static struct podium_tmem_pool pool_record(const struct tmem_call *c,
                                           const struct tmem_pool_info *info)
{
    bool persistent = info->flags & TMEM_PERSISTENT;
    bool shared = info->flags & TMEM_SHARED;

    return (struct podium_tmem_pool){
        .flags = (persistent ? PODIUM_TMEM_POOL_persist : 0) |
                 (shared ? PODIUM_TMEM_POOL_shared : 0) |
                 (tmem_authorized(c->client, info->uuid) ? PODIUM_TMEM_POOL_auth
                                                         : 0) |
                 (uint32_t)TMEM_SPEC_VERSION << PODIUM_TMEM_POOL_version_shift,
        .id = info->id,
        .pages = info->n.pages,
        .uuid = {info->uuid.word[0], info->uuid.word[1]},
    };
}

/* Returns how many. */
static int get_pools(const struct tmem_call *c)
{
    uint32_t used = 0;
    int rc = check_pool_array(c->op->length);

    for (uint32_t id = 0; !rc && id < TMEM_POOLS; id++) {
        struct podium_tmem_pool record;
        struct tmem_pool_info info;

        if (tmem_pool_look(c->client, id, &info)) {
            continue;
        }
        if (used == c->op->length) {
            break;
        }
        record = pool_record(c, &info);
        rc = copy_to_guest(c->caller, c->op->buffer + used, &record,
                           sizeof(record));
        used += sizeof(record);
    }
    return rc ? rc : (int)(used / sizeof(struct podium_tmem_pool));
}

static bool pool_is_sound(const struct podium_tmem_pool *p)
{
    const uint32_t kinds = PODIUM_TMEM_POOL_persist | PODIUM_TMEM_POOL_shared |
                           PODIUM_TMEM_POOL_auth;

    return (p->flags & ~kinds) == (uint32_t)TMEM_SPEC_VERSION
                                      << PODIUM_TMEM_POOL_version_shift;
}

static int create_pool(const struct tmem_call *c,
                       const struct podium_tmem_pool *p)
{
    const struct tmem_uuid uuid = {{p->uuid[0], p->uuid[1]}};
    uint32_t flags =
        (p->flags & PODIUM_TMEM_POOL_persist ? TMEM_PERSISTENT : 0) |
        (p->flags & PODIUM_TMEM_POOL_shared ? TMEM_SHARED : 0);
    int rc = 0;

    if (p->flags & PODIUM_TMEM_POOL_auth) {
        rc = tmem_authorize(c->client, uuid, true);
    }
    if (!rc) {
        rc = tmem_pool_create_at(c->client, p->id, flags, uuid);
    }
    return rc < 0 ? rc : 0;
}

static int set_pools(const struct tmem_call *c)
{
    struct podium_tmem_pool records[TMEM_POOLS];
    unsigned count = c->op->length / sizeof(records[0]);
    int rc = check_pool_array(c->op->length);

    if (!rc) {
        rc = copy_from_guest(c->caller, records, c->op->buffer, c->op->length);
    }
    for (unsigned i = 0; !rc && i < count; i++) {
        if (records[i].id >= TMEM_POOLS || !pool_is_sound(&records[i])) {
            rc = -EINVAL;
        }
    }
    for (unsigned i = 0; !rc && i < count; i++) {
        rc = create_pool(c, &records[i]);
    }
    return rc;
}

/*
 * The commands.
 */

struct tmem_row {
    const char *name;
    enum scope scope;
    tmem_handler *handler;
};

static const struct tmem_row rows[] = {
    [PODIUM_TMEM_THAW] = {"thaw", EACH, thaw},
    [PODIUM_TMEM_FREEZE] = {"freeze", EACH, freeze},
    [PODIUM_TMEM_FLUSH] = {"flush", HOST, flush},
    [PODIUM_TMEM_DESTROY] = {"destroy", EACH, destroy},
    [PODIUM_TMEM_LIST] = {"list", EITHER, list},
    [PODIUM_TMEM_GET_CLIENT_INFO] = {"get_client_info", ONE, get_client},
    [PODIUM_TMEM_SET_CLIENT_INFO] = {"set_client_info", SET, set_client},
    [PODIUM_TMEM_GET_POOLS] = {"get_pools", ONE, get_pools},
    [PODIUM_TMEM_QUERY_FREEABLE_MB] = {"query_freeable_mb", EITHER,
                                       freeable_mib},
    [PODIUM_TMEM_SET_POOLS] = {"set_pools", ONE, set_pools},
    [PODIUM_TMEM_SAVE_BEGIN] = {"save_begin", ONE, tmem_control_save_begin},
    [PODIUM_TMEM_SET_AUTH] = {"set_auth", SET, set_auth},
    [PODIUM_TMEM_SAVE_GET_NEXT_PAGE] = {"save_get_next_page", ONE,
                                        tmem_control_save_next_page},
    [PODIUM_TMEM_SAVE_GET_NEXT_INV] = {"save_get_next_inv", ONE,
                                       tmem_control_save_next_flushed},
    [PODIUM_TMEM_SAVE_END] = {"save_end", ONE, tmem_control_save_end},
    [PODIUM_TMEM_RESTORE_BEGIN] = {"restore_begin", MAKE,
                                   tmem_control_restore_begin},
    [PODIUM_TMEM_RESTORE_PUT_PAGE] = {"restore_put_page", ONE,
                                      tmem_control_restore_put},
    [PODIUM_TMEM_RESTORE_FLUSH_PAGE] = {"restore_flush_page", ONE,
                                        tmem_control_restore_flush},
    [PODIUM_TMEM_GET_LIMITS] = {"get_limits", ONE, get_limits},
    [PODIUM_TMEM_SET_LIMITS] = {"set_limits", SET, set_limits},
};

/* The row's work for one domain. */
static int run_for(const struct tmem_row *row, struct tmem_call *c,
                   struct domain *d, bool make)
{
    bool was_one = tmem_client_of(d);
    int rc;

    if (row->scope == MAKE && was_one) {
        return -EEXIST;
    }
    rc = tmem_client_enter(d, make, &c->client);
    if (rc) {
        return rc;
    }
    c->d = d;
    rc = row->handler(c);
    tmem_client_leave(d);
    return rc;
}

static int run_for_one(const struct tmem_row *row, struct tmem_call *c)
{
    bool make = row->scope == MAKE || row->scope == SET;
    struct domain *d =
        c->op->client < DOMID_LIMIT ? domain_get((domid_t)c->op->client) : NULL;
    int rc;

    if (!d) {
        return -ESRCH;
    }
    rc = run_for(row, c, d, make);
    domain_put(d);
    return rc;
}

/* Those that end meanwhile, or are no clients, are passed over. */
static int run_for_each(const struct tmem_row *row, struct tmem_call *c)
{
    struct domain *d = domain_get_next(0);
    int rc = 0;

    while (d && rc >= 0) {
        domid_t next = d->id + 1;

        rc = run_for(row, c, d, false);
        domain_put(d);
        if (rc == -ENOENT || rc == -ENODEV) {
            rc = 0;
        }
        d = rc < 0 ? NULL : domain_get_next(next);
    }
    return rc;
}

static int run(const struct tmem_row *row, struct tmem_call *c)
{
    bool all = c->op->client == PODIUM_TMEM_ALL;

    switch (row->scope) {
    case HOST:
        return all ? row->handler(c) : -EINVAL;
    case EITHER:
        return all ? row->handler(c) : run_for_one(row, c);
    case EACH:
    case SET:
        return all ? run_for_each(row, c) : run_for_one(row, c);
    default:
        return all ? -EINVAL : run_for_one(row, c);
    }
}

static int tmem_op(struct sysctl *s)
{
    const struct podium_tmem_control *op = (void *)&s->op.u;
    struct tmem_call c = {.caller = s->caller, .op = op};

    if (!tmem_is_on()) {
        return -ENODEV;
    }
    if (op->command >= ARRAY_COUNT(rows) || !rows[op->command].handler) {
        return -ENOSYS;
    }
    return op->pad ? -EINVAL : run(&rows[op->command], &c);
}

static const struct sysctl_row sysctl_rows[] = {
    {PODIUM_SYSCTL_tmem, tmem_op},
};

const struct sysctl_family sysctl_tmem = {sysctl_rows,
                                          ARRAY_COUNT(sysctl_rows)};
