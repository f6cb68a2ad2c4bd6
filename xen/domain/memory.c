/* SPDX-License-Identifier: MIT */
/*
 * Memory operations on domains: the halves of the calls that act.
 *
 * Here alone it is decided who gives way when memory is short. What a touched
 * placeholder finds in the domain's PoD cache is its own; when that is empty,
 * the steps of the table `suppliers` are asked for a page to put there, in its
 * order, until one has something. If none has, the verdict goes up to guest/,
 * which lets the vCPU wait (memory_wait.c) or ends the guest. Tables come from
 * the host's free pages, then from the reserve that the p2m keeps; when both
 * are empty, the cache gives one, straight to that reserve.
 *
 * Before the host says no to anybody, ephemeral pages make way (room.c): for a
 * domain's own pages, a cache, a claim, a loan, a table.
 *
 * Two p2ms are never locked at once: what one has to give to the other travels
 * as a reference on a page.
 */
#include "domain/memory.h"
#include "arch/timer.h"
#include "domain/background.h"
#include "domain/room.h"
#include "domain/sched.h"
#include "mm/zero_block.h"
#include "types/bits.h"
#include "types/error.h"

#define SLICE_PAGES 512
/* Frames that make way for one loan. */
#define LOAN_PAGES 64

/* A foreign page that was let go may have been the last of a dying domain. */
static void reap_if_drained(struct domain *d)
{
    if (READ_ONCE(d->p2m.owner_drained)) {
        __atomic_store_n(&d->p2m.owner_drained, false, __ATOMIC_RELEASE);
        domain_reap_soon();
    }
}

/* What the vCPU that runs here is looking for; a CPU without one has its own.
 */
static struct memory_search *this_search(void)
{
    static struct memory_search no_vcpu[MAX_CPUS];
    struct vcpu *v = sched_current();

    return v ? &v->search : &no_vcpu[arch_cpu()];
}

/*
 * Suppliers: each is asked for a page of the cache, for a placeholder at gfn.
 * P2M_RETRY: there is one, or a step was done and there is more to do: touch
 * again. P2M_NEED_PAGE: nothing to be had here, ask the next.
 */
typedef enum p2m_verdict supplier(struct domain *d, gfn_t gfn);

/* In the mode on_demand: the host's free pages that are claimed for it. */
static enum p2m_verdict claimed_pages(struct domain *d, gfn_t gfn)
{
    bool large = p2m_get(&d->p2m, gfn).order >= ORDER_2M, found;

    if (!p2m_enter(&d->p2m)) {
        return P2M_DYING;
    }
    found = pod_fill(&d->pod, large ? ORDER_2M : ORDER_4K);
    p2m_leave(&d->p2m);
    return found ? P2M_RETRY : P2M_NEED_PAGE;
}

/* Its own pages full of zeros: one slice of the search. */
static enum p2m_verdict zero_pages(struct domain *d, gfn_t gfn)
{
    struct memory_search *search = this_search();

    /* For something else than last time: that search was given up. */
    if (search->p2m != &d->p2m || !gfn_eq(search->gfn, gfn)) {
        *search = (struct memory_search){
            .p2m = &d->p2m, .gfn = gfn, .begun = arch_time_ns()};
    }
    if (p2m_sweep(&d->p2m, &search->state) != P2M_SWEEP_NOTHING) {
        return P2M_RETRY;
    }
    search->took = arch_time_ns() - search->begun;
    search->p2m = NULL;
    return P2M_NEED_PAGE;
}

/* Ephemeral pages make way for a loan that the host has nothing left for. */
static bool borrow_room(struct domain *d, uint64_t limit)
{
    uint64_t owed = READ_ONCE(d->account.borrowed);
    uint64_t more = MIN(limit - MIN(limit, owed), (uint64_t)LOAN_PAGES);
    bool found = room_make(d, more) == -ERESTART && pod_borrow(&d->pod, limit);

    room_end(d);
    return found;
}

/* A loan of the host's, where the domain's policy allows it. */
static enum p2m_verdict borrowed_pages(struct domain *d, gfn_t gfn)
{
    uint64_t limit = memory_borrow_limit(d);
    bool found;

    (void)gfn;
    if (!limit) {
        return P2M_NEED_PAGE;
    }
    if (!p2m_enter(&d->p2m)) {
        return P2M_DYING;
    }
    found = pod_borrow(&d->pod, limit) || borrow_room(d, limit);
    p2m_leave(&d->p2m);
    return found ? P2M_RETRY : P2M_NEED_PAGE;
}

/* In order of cost. */
static supplier *const suppliers[] = {
    claimed_pages,
    zero_pages,
    borrowed_pages,
};

/* The cache is empty: one step of finding a page elsewhere. */
static enum p2m_verdict find_page(struct domain *d, gfn_t gfn)
{
    struct pod *pod = &d->pod;

    for (unsigned i = 0; i < ARRAY_COUNT(suppliers); i++) {
        enum p2m_verdict verdict = suppliers[i](d, gfn);

        if (verdict != P2M_NEED_PAGE) {
            memory_wait_wake(d); /* there may be more than one page now */
            return verdict;
        }
    }
    if (READ_ONCE(d->p2m.dying)) {
        return P2M_DYING;
    }
    lock(&pod->lock);
    pod->counters.oom_events++;
    unlock(&pod->lock);
    return P2M_NEED_PAGE;
}

uint64_t memory_borrow_limit(const struct domain *d)
{
    return READ_ONCE(d->wait.policy) == MEMORY_BORROW
               ? READ_ONCE(d->wait.borrow_limit)
               : 0;
}

/* Read without locks, so a moment old. */
uint64_t memory_available(const struct domain *d)
{
    const struct account *a = &d->account;
    uint64_t limit = memory_borrow_limit(d), owed = READ_ONCE(a->borrowed);
    uint64_t loan = limit - MIN(limit, owed);

    return pod_set_aside(&d->pod) + MIN(loan, room_available());
}

/* A frame for a table: the host's, or else one of the domain's cache. */
static bool find_table(struct domain *d)
{
    return room_for_table() || p2m_pay_for_table(&d->p2m);
}

/* What can be done about a verdict that says what is missing. */
static enum p2m_verdict supply(struct domain *d, gfn_t gfn,
                               enum p2m_verdict verdict)
{
    if (likely(verdict == P2M_OK)) {
        background_note(d, true);
        return verdict;
    }
    if (verdict == P2M_NEED_PAGE) {
        background_note(d, false);
        return find_page(d, gfn);
    }
    if (verdict == P2M_NO_MEMORY && find_table(d)) {
        return P2M_RETRY;
    }
    return verdict;
}

enum p2m_verdict memory_fault(struct domain *d, gfn_t gfn, bool write,
                              bool execute)
{
    return supply(d, gfn, p2m_fault(&d->p2m, gfn, write, execute));
}

/* The verdict on a placeholder, as an error; 0: there is RAM now. Who may wait
 * does so; NULL: nobody. */
static int populate_for_us(struct domain *d, gfn_t gfn, struct vcpu *waiter)
{
    enum p2m_verdict verdict = supply(d, gfn, p2m_populate(&d->p2m, gfn));

    switch (verdict) {
    case P2M_OK:
        return 0;
    case P2M_RETRY:
        return -ERESTART;
    case P2M_NEED_PAGE:
    case P2M_NO_MEMORY:
        return waiter && memory_wait(waiter, gfn, verdict) ? -ERESTART
                                                           : -ENOMEM;
    case P2M_DYING:
        return -ESRCH;
    default:
        return -EINVAL;
    }
}

/* What an entry with a page, if it has one, is good for. */
static int judge_page(struct p2m_entry e, bool write, struct page **pg)
{
    if (!*pg) {
        /* Taken away again between two looks: look once more. */
        return p2m_types[e.type].is_promise ? -ERESTART : -EINVAL;
    }
    if (p2m_types[e.type].is_own &&
        (!write || (p2m_types[e.type].rights & PTE_W))) {
        return 0;
    }
    page_put(*pg);
    *pg = NULL;
    return p2m_types[e.type].is_own ? -EACCES : -EINVAL;
}

static int get_page(struct domain *d, gfn_t gfn, bool write, struct page **pg,
                    struct vcpu *waiter)
{
    struct p2m_entry e;

    *pg = p2m_get_page(&d->p2m, gfn, &e);
    if (p2m_types[e.type].is_promise) {
        int rc = populate_for_us(d, gfn, waiter);

        if (rc) {
            return rc;
        }
        *pg = p2m_get_page(&d->p2m, gfn, &e);
    }
    return judge_page(e, write, pg);
}

/* Of a promise of the scrub pattern, for who only reads; NULL: it has to be
 * populated. */
static struct page *get_pattern(struct domain *d, struct p2m_entry e)
{
    struct page *pg = READ_ONCE(d->pod.pattern_page);

    return p2m_types[e.type].is_pattern && pg && page_get(pg, &d->account)
               ? pg
               : NULL;
}

static int get_page_to_read(struct domain *d, gfn_t gfn, struct page **pg,
                            struct vcpu *waiter)
{
    struct p2m_entry e;

    *pg = p2m_get_page(&d->p2m, gfn, &e);
    if (p2m_types[e.type].is_zero) {
        return 0;
    }
    if (*pg) {
        return judge_page(e, false, pg);
    }
    *pg = get_pattern(d, e);
    return *pg ? 0 : get_page(d, gfn, false, pg, waiter);
}

int memory_get_page(struct domain *d, gfn_t gfn, bool write, struct page **pg)
{
    return get_page(d, gfn, write, pg, NULL);
}

int memory_get_own_page(struct vcpu *v, gfn_t gfn, bool write, struct page **pg)
{
    return get_page(v->domain, gfn, write, pg, v);
}

int memory_get_page_to_read(struct domain *d, gfn_t gfn, struct page **pg)
{
    return get_page_to_read(d, gfn, pg, NULL);
}

int memory_get_own_page_to_read(struct vcpu *v, gfn_t gfn, struct page **pg)
{
    return get_page_to_read(v->domain, gfn, pg, v);
}

int memory_decrease(struct domain *d, gfn_t gfn, unsigned order)
{
    uint64_t done;
    int rc;

    do {
        rc = p2m_decrease(&d->p2m, gfn, order, &done);
    } while (rc == -ENOMEM && !done && find_table(d));
    memory_wait_wake(d);
    return rc;
}

int memory_decrease_list(struct domain *d, const uint64_t *gfns, unsigned count,
                         unsigned *done)
{
    int rc;

    *done = 0;
    do {
        unsigned some;

        rc = p2m_decrease_list(&d->p2m, gfns + *done, count - *done, &some);
        *done += some;
    } while (rc == -ENOMEM && find_table(d));
    memory_wait_wake(d);
    return rc;
}

int memory_decrease_range(struct domain *d, gfn_t gfn, uint64_t count,
                          bool untouched, uint64_t *done)
{
    int rc;

    do {
        rc = p2m_decrease_range(&d->p2m, gfn, count, untouched, done);
    } while (rc == -ENOMEM && !*done && find_table(d));
    memory_wait_wake(d);
    return rc;
}

int memory_next_untouched(struct domain *d, gfn_t *gfn, unsigned order,
                          uint64_t *count)
{
    return p2m_next_untouched(&d->p2m, gfn, order, count);
}

void memory_batch_begin(struct domain *d)
{
    p2m_batch_begin(&d->p2m);
}

void memory_batch_end(struct domain *d)
{
    p2m_batch_end(&d->p2m);
    reap_if_drained(d);
    memory_wait_wake(d);
}

/*
 * How large the cache should be for a target of T' pages (POD-4.28); false:
 * nothing to do. P, the populated pages, is all that is charged but the cache.
 * Each slice decides anew, so there is no progress to remember.
 */
static bool wanted_cache(struct domain *d, uint64_t target, uint64_t *cache)
{
    const struct pod *pod = &d->pod;
    uint64_t charged = READ_ONCE(d->account.page_count);
    uint64_t populated = charged - MIN(charged, pod->cache_count);

    if (target < charged || (populated && !pod->entry_count)) {
        return false;
    }
    *cache = target - populated;
    if (populated) {
        *cache = MIN(*cache, pod->entry_count);
    }
    return true;
}

/* Frames for the cache that it lacks, or for the claim in its place. */
static int room_for_cache(struct domain *d, uint64_t cache)
{
    uint64_t have = pod_set_aside(&d->pod);
    uint64_t missing = cache - MIN(cache, have);

    if (!missing || missing > room_available() || !room_is_due(d, missing)) {
        return -ENOMEM;
    }
    if (!d->pod.on_demand) {
        missing = MIN(missing, (uint64_t)SLICE_PAGES);
    }
    return room_make(d, missing);
}

static int set_pod_target(struct domain *d, uint64_t pages)
{
    struct pod *pod = &d->pod;
    bool wanted, building;
    uint64_t cache = 0;
    int rc;

    page_loan_cover(&d->account, pages);
    lock(&pod->lock);
    wanted = wanted_cache(d, pages, &cache);
    building = !pod->entry_count; /* promises come after the cache then */
    unlock(&pod->lock);
    if (!wanted) {
        return 0;
    }
    rc = pod->on_demand ? pod_set_claim(pod, cache)
                        : pod_set_cache(pod, cache, SLICE_PAGES);
    if (rc == -ENOMEM) {
        rc = room_for_cache(d, cache);
    }
    if (!building) {
        /* The guest may have given up promises while the cache grew. */
        p2m_rebalance(&d->p2m);
    }
    return rc;
}

int memory_set_pod_target(struct domain *d, uint64_t pages)
{
    int rc;

    if (pages > READ_ONCE(d->account.max_pages)) {
        return -EINVAL;
    }
    if (!p2m_enter(&d->p2m)) {
        return 0; /* POD-4.28: a dying domain has no target */
    }
    rc = set_pod_target(d, pages);
    if (rc != -ERESTART) {
        room_end(d);
    }
    p2m_leave(&d->p2m);
    memory_wait_wake(d);
    return rc;
}

/* The mode decides where pages that are set aside lie, so it comes first. */
static int set_mode(struct domain *d, bool on_demand)
{
    struct pod *pod = &d->pod;
    int rc = 0;

    lock(&pod->lock);
    if (on_demand != pod->on_demand) {
        if (READ_ONCE(d->account.page_count) || pod->entry_count ||
            READ_ONCE(d->account.claimed)) {
            rc = -EBUSY;
        } else {
            WRITE_ONCE(pod->on_demand, on_demand);
            WRITE_ONCE(d->account.claim_is_kept, on_demand);
        }
    }
    unlock(&pod->lock);
    return rc;
}

int memory_set_policy(struct domain *d, const struct memory_policy *policy)
{
    int rc = set_mode(d, policy->on_demand);

    if (!rc) {
        memory_wait_policy(d, policy->on_empty, policy->borrow_limit);
    }
    return rc;
}

void memory_get_pod(struct domain *d, struct memory_pod_info *info)
{
    lock(&d->p2m.lock);
    lock(&d->pod.lock);
    info->tot_pages = READ_ONCE(d->account.page_count);
    info->cache_pages = d->pod.cache_count;
    info->entries = d->pod.entry_count;
    info->claimed = d->pod.on_demand ? READ_ONCE(d->account.claimed) : 0;
    info->borrowed = READ_ONCE(d->account.borrowed);
    info->counters = d->pod.counters;
    unlock(&d->pod.lock);
    unlock(&d->p2m.lock);
}

void memory_get_size(struct domain *d, struct memory_size_info *info)
{
    lock(&d->grants.lock);
    lock(&d->p2m.lock);
    lock(&d->pod.lock);
    account_look(&d->account, &info->account);
    info->cached = d->pod.cache_count;
    info->promised = d->pod.entry_count;
    info->deficit = pod_deficit_locked(&d->pod);
    /* The first is shared_info. */
    info->special = 1 + d->grants.frame_count + !!d->pod.pattern_page;
    unlock(&d->pod.lock);
    unlock(&d->p2m.lock);
    unlock(&d->grants.lock);
}

/* By how much the cache has to grow for a target. */
static uint64_t cache_growth(struct domain *d, uint64_t target)
{
    uint64_t cache;

    if (!wanted_cache(d, target, &cache)) {
        return 0;
    }
    return cache - MIN(cache, d->pod.cache_count);
}

/* What has to be claimed for a target: all of it by which the cache will grow;
 * on demand that is the claim itself, which stays where it is otherwise. */
static uint64_t claim_for_target(struct domain *d, uint64_t target)
{
    uint64_t cache;

    if (d->pod.on_demand && !wanted_cache(d, target, &cache)) {
        return READ_ONCE(d->account.claimed);
    }
    return cache_growth(d, target);
}

int memory_begin_size(struct domain *d, const struct memory_size *size)
{
    bool on_demand = READ_ONCE(d->pod.on_demand);
    uint64_t claim = size->claim;
    int rc;

    if (size->target > size->max_pages || (on_demand && size->claim)) {
        return -EINVAL;
    }
    /* The cache, and who takes from it, stand still until all is claimed. */
    lock(&d->pod.lock);
    claim += claim_for_target(d, size->target);
    rc = claim < size->claim
             ? -ENOMEM
             : page_set_size(&d->account, size->max_pages, claim);
    unlock(&d->pod.lock);
    if (rc == -ENOMEM && claim >= size->claim) {
        rc = room_make(d, claim - MIN(claim, READ_ONCE(d->account.claimed)));
    }
    if (rc != -ERESTART) {
        room_end(d);
    }
    return rc;
}

int memory_finish_size(struct domain *d, const struct memory_size *size)
{
    int rc = memory_set_pod_target(d, size->target);

    if (rc != -ERESTART && !READ_ONCE(d->pod.on_demand)) {
        page_trim_claim(&d->account, size->claim);
    }
    return rc;
}

void memory_set_max_pages(struct domain *d, uint64_t pages)
{
    account_set_limit(&d->account, pages);
}

void memory_set_table_limit(struct domain *d, uint64_t tables)
{
    p2m_set_table_limit(&d->p2m, tables);
    memory_wait_wake(d);
}

int memory_set_pattern(struct domain *d, uint64_t pattern)
{
    if (d->started) {
        return -EBUSY;
    }
    return p2m_set_pattern(&d->p2m, pattern);
}

int memory_claim(struct domain *d, uint64_t pages)
{
    int rc = page_claim(&d->account, pages);

    if (rc == -ENOMEM) {
        rc = room_make(d, pages - READ_ONCE(d->account.page_count));
    }
    if (rc != -ERESTART) {
        room_end(d);
    }
    return rc;
}

int memory_map_special(struct domain *d, gfn_t gfn, struct page *pg)
{
    int rc = p2m_put_special(&d->p2m, gfn, pg);

    reap_if_drained(d);
    return rc;
}

int memory_move(struct domain *d, gfn_t from, gfn_t to, struct vcpu *waiter)
{
    struct page *pg;
    int rc = get_page(d, from, true, &pg, waiter);

    if (rc) {
        return rc;
    }
    page_put(pg);
    if (gfn_eq(from, to)) {
        return 0;
    }
    rc = p2m_move(&d->p2m, from, to);
    reap_if_drained(d);
    return rc;
}

/* The other domain's page with a reference, and as what it may be mapped. */
static int get_foreign(struct domain *target, gfn_t gfn, struct page **pg,
                       enum p2m_type *type)
{
    int rc = memory_get_page(target, gfn, true, pg);

    *type = P2M_FOREIGN;
    if (rc == -EACCES) {
        *type = P2M_FOREIGN_RO;
        rc = memory_get_page(target, gfn, false, pg);
    }
    return rc;
}

int memory_map_foreign(struct domain *d, gfn_t gfn, struct domain *target,
                       gfn_t foreign_gfn)
{
    enum p2m_type type;
    struct page *pg;
    int rc;

    if (d == target) {
        return -EINVAL;
    }
    rc = get_foreign(target, foreign_gfn, &pg, &type);
    if (rc) {
        return rc;
    }
    rc = p2m_put_foreign(&d->p2m, gfn, pg, type);
    reap_if_drained(d);
    if (rc && page_put(pg)) {
        domain_reap_soon();
    }
    return rc;
}

/* -ERESTART as well if the page was just taken away. */
static int get_to_read(struct domain *target, gfn_t gfn, struct page **pg)
{
    int rc = zero_block_exists() ? memory_get_page_to_read(target, gfn, pg)
                                 : memory_get_page(target, gfn, false, pg);

    return rc == -EINVAL && zero_block_exists() ? 0 : rc;
}

int memory_map_to_read(struct domain *d, gfn_t gfn, struct domain *target,
                       gfn_t foreign_gfn)
{
    struct page *pg = NULL;
    int rc = get_to_read(target, foreign_gfn, &pg);

    if (rc) {
        return rc;
    }
    if (!pg) {
        return p2m_add_zero(&d->p2m, gfn);
    }
    rc = p2m_add_foreign(&d->p2m, gfn, pg, P2M_FOREIGN_RO);
    if (rc && page_put(pg)) {
        domain_reap_soon();
    }
    return rc;
}

int memory_remove(struct domain *d, gfn_t gfn)
{
    int rc = p2m_remove(&d->p2m, gfn, INVALID_MFN);

    reap_if_drained(d);
    return rc;
}

int memory_teardown(struct domain *d)
{
    int rc;

    if (!READ_ONCE(d->p2m.dying)) {
        p2m_set_dying(&d->p2m);
    }
    rc = p2m_teardown(&d->p2m);
    reap_if_drained(d);
    if (!rc) {
        rc = pod_empty(&d->pod, SLICE_PAGES);
    }
    return rc ? rc : page_free_loose(&d->account, SLICE_PAGES);
}
