/* SPDX-License-Identifier: MIT */
/*
 * One page for the host, made when it is first asked for, and kept. It belongs
 * to nobody: who maps it has a reference, and while there is one besides ours
 * some CPU writes it anew now and then. One writes at a time; readers need no
 * lock, since they see by the sequence whether somebody wrote meanwhile.
 */
#include "guest/tmem_page.h"

#include "arch/timer.h"
#include "domain/tmem_client.h"
#include "mm/page_alloc.h"
#include "public/podium.h"
#include "types/bits.h"

#define PERIOD_NS 100000000ULL

BUILD_ASSERT(sizeof(struct podium_tmem_page) <= PAGE_SIZE, "one page");

static struct page *statistics; /* atomic */
static uint64_t next_ns;
static bool writing; /* atomic */

static void write_client(struct podium_tmem_page_client *to,
                         struct tmem_client *c)
{
    struct tmem_client_info i;

    tmem_client_look(c, &i);
    *to = (struct podium_tmem_page_client){
        .domid = i.id,
        .flags = (i.frozen ? PODIUM_TMEM_CLIENT_frozen : 0) |
                 (i.settings.compress ? PODIUM_TMEM_CLIENT_compress : 0) |
                 (i.saving ? PODIUM_TMEM_CLIENT_migrating : 0),
        .weight = i.settings.weight,
        .ephemeral_pages = i.n.ephemeral_pages,
        .ephemeral_frames = i.n.ephemeral_frames,
        .persistent_pages = i.n.persistent_pages,
        .persistent_frames = i.persistent_frames,
        .ephemeral_gets = i.n.ephemeral_gets,
        .persistent_puts = i.n.persistent_puts,
        .persistent_gets = i.n.persistent_gets,
        .no_memory = i.n.no_memory,
        .evicted = i.n.evicted,
    };
}

static uint32_t write_clients(struct podium_tmem_page_client *to)
{
    struct domain *d = domain_get_next(0);
    uint32_t count = 0;

    while (d) {
        domid_t next = d->id + 1;
        struct tmem_client *c;

        if (!tmem_client_enter(d, false, &c)) {
            write_client(&to[count++], c);
            tmem_client_leave(d);
        }
        domain_put(d);
        d = count < PODIUM_TMEM_PAGE_CLIENTS ? domain_get_next(next) : NULL;
    }
    return count;
}

static void write_host(struct podium_tmem_page *p)
{
    struct page_alloc_info memory = page_alloc_info();
    struct tmem_info i;

    tmem_look(&i);
    p->version = PODIUM_TMEM_PAGE_VERSION;
    p->time_ns = arch_time_ns();
    p->free = memory.free;
    p->claimed = memory.claimed;
    p->freeable = tmem_freeable();
    p->frames = i.frames;
    p->ephemeral_pages = i.ephemeral_pages;
    p->persistent_pages = i.persistent_pages;
    p->dedup_surplus = i.dedup_surplus;
    p->ops = i.n.ops;
    p->errors = i.n.errors;
    p->evicted = i.n.evicted_pages;
    p->relinquished = i.n.relinquished;
    p->clients = i.clients;
    p->client_size = sizeof(p->client[0]);
    p->client_offset = offsetof(struct podium_tmem_page, client);
}

static void write_page(struct page *pg)
{
    struct podium_tmem_page *p = page_map(pg);

    if (__atomic_exchange_n(&writing, true, __ATOMIC_ACQUIRE)) {
        return;
    }
    WRITE_ONCE(p->sequence, p->sequence + 1);
    mem_barrier();
    write_host(p);
    p->client_count = write_clients(p->client);
    mem_barrier();
    WRITE_ONCE(p->sequence, p->sequence + 1);
    WRITE_ONCE(next_ns, arch_time_ns() + PERIOD_NS);
    __atomic_store_n(&writing, false, __ATOMIC_RELEASE);
}

/* Whoever is first makes it for all. */
static struct page *make(void)
{
    struct page *made = page_alloc_special(NULL), *other = NULL;

    if (made &&
        !__atomic_compare_exchange_n(&statistics, &other, made, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        page_put(made);
        return other;
    }
    return made;
}

struct page *tmem_page_get(void)
{
    struct page *pg = __atomic_load_n(&statistics, __ATOMIC_ACQUIRE);

    if (!tmem_is_on()) {
        return NULL;
    }
    if (!pg) {
        pg = make();
    }
    if (!pg || !page_get_any(pg)) {
        return NULL;
    }
    write_page(pg);
    return pg;
}

void tmem_page_update(void)
{
    struct page *pg = __atomic_load_n(&statistics, __ATOMIC_ACQUIRE);

    if (pg && page_references(pg) > 1 && arch_time_ns() >= READ_ONCE(next_ns)) {
        write_page(pg);
    }
}
