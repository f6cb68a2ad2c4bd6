/* SPDX-License-Identifier: MIT */
/*
 * Transcendent memory: guests park copies of their pages here, and the host
 * uses memory that is idle without owing it to anybody.
 *
 * A client has up to TMEM_POOLS pools; a page in a pool is named by an object
 * (192 bits) and an index. Of an ephemeral pool any page may be gone at the
 * next look: all of them are the host's to take. A page of a persistent pool
 * stays until it is flushed, and is charged to its client's account. Theory:
 * docs/design/tmem.md; T-n: spec of the interface.
 *
 * This layer knows no domain, no p2m and no hypercall. Pages of guests are
 * addresses of 4096 bytes that the caller maps and keeps a reference on during
 * the call; what they contain may change meanwhile, and only whoever changes
 * it is hurt. Who calls has asked already whether he may.
 *
 * Nothing here waits, and each call is bounded. Calls that say so return
 * -ERESTART when there is more to do: call again, later, with the same
 * arguments. No lock of this layer is held when a call returns. A caller may
 * hold locks whose rank is below RANK_TMEM.
 */
#ifndef OVERCOMMIT_TMEM_H
#define OVERCOMMIT_TMEM_H

#include "mm/account.h"
#include "types/check.h"

#define TMEM_POOLS        16 /* of a client (T-5) */
#define TMEM_SHARED_POOLS 16 /* of the host */
#define TMEM_NO_POOL      (~0U)

/* Error numbers of this interface alone, returned negative (T-6). */
enum {
    TMEM_EFROZEN = 1000, /* the client is frozen */
    TMEM_EEMPTY = 1001,  /* GET on a pool without any page */
};

/* Flags of a pool. As in the ABI, whose other bits (page size, version) are the
 * caller's to check. */
enum {
    TMEM_PERSISTENT = 1,
    TMEM_SHARED = 2,
};

struct tmem_client;

struct tmem_uuid {
    uint64_t word[2];
};

/* Which page, within a client. */
struct tmem_handle {
    uint32_t pool_id; /* any value: it is checked here */
    uint32_t index;
    uint64_t oid[3];
};

/* In what form a page is stored, and saved. */
enum tmem_form {
    TMEM_FILLED, /* one word of 8 bytes, repeated */
    TMEM_TAIL,   /* some bytes, and zeros behind them */
    TMEM_LZ4,    /* compressed, a block of LZ4 */
    TMEM_RAW,    /* 4096 bytes */
    TMEM_FORMS,
};

/* --- The host --- */

/* Once, after the page allocator is up: what is needed before the first client.
 * `key`: random, for all hashes. -ENOMEM. Without it no client can be made. */
int must_check tmem_init(uint64_t key);

/* The order in which ephemeral pages are given up (T-23). */
enum tmem_policy {
    TMEM_WEIGHTED, /* of the client most above its share, else as LRU */
    TMEM_LRU,      /* the oldest of the host */
    TMEM_CLOCK,    /* as weighted; what was read meanwhile gets a second turn */
    TMEM_POLICIES,
};
void tmem_set_policy(enum tmem_policy policy);
const char *tmem_policy_name(enum tmem_policy policy);

/* No call leaves the host with less than so many free pages that nobody has
 * claimed; the default is 1/128 of memory. tmem_hold_back() adds to it for as
 * long as somebody gathers pages: it holds n back, evicts n, takes them, and
 * calls again with -n. So no PUT gets them in between (T-24). */
void tmem_set_reserve(uint64_t pages);
void tmem_hold_back(int64_t pages);

/* --- Clients --- */

/*
 * A client whose persistent pages are charged to `payer`, which must outlive
 * it. Nothing is charged before its first persistent PUT (T-7). `group`:
 * clients of one group store equal pages once; 0: a group of its own.
 * -ENOMEM, -ENODEV (no tmem_init()).
 */
int must_check tmem_client_create(struct account *payer, domid_t id,
                                  uint32_t group, struct tmem_client **client);

/* The end of it: from the first call on all other calls say -ENODEV. -ERESTART
 * while there is more to do or a call is under way on another CPU; 0: the
 * client is freed, nothing of it is charged. */
int must_check tmem_client_destroy(struct tmem_client *c);

/* Destroy all its pools, and keep the client. -ERESTART, then 0. */
int must_check tmem_client_empty(struct tmem_client *c);

/* What the operator may set (T-28, T-31). */
struct tmem_settings {
    uint32_t weight;         /* 0: no share is guaranteed */
    uint64_t ephemeral_cap;  /* pages of the host, 0: none */
    uint64_t persistent_cap; /* pages stored, 0: none */
    bool compress;           /* LZ4; the cheap forms are always tried */
};
void tmem_client_set(struct tmem_client *c, const struct tmem_settings *s);
void tmem_client_settings(const struct tmem_client *c, struct tmem_settings *s);

/* Frozen: PUT fails, GET and FLUSH are done (T-16). Settings of the operator;
 * tmem_save_begin() freezes, too. */
void tmem_freeze(struct tmem_client *c, bool frozen);
bool tmem_frozen(const struct tmem_client *c);

/* --- Pools --- */

/*
 * A pool with an id of its own, which is returned. A shared pool that c is not
 * authorized for, or whose uuid is all ones, becomes a private one (T-15). The
 * first who asks makes a shared pool, who asks later joins; who asks twice has
 * it twice. -EPERM: flags that do not go together, no id is left; -ENOMEM,
 * -ENODEV. A client that is being saved gets -TMEM_EFROZEN.
 */
int must_check tmem_pool_create(struct tmem_client *c, uint32_t flags,
                                struct tmem_uuid uuid);

/* The same with just that id, for restore. -EEXIST: it is in use. */
int must_check tmem_pool_create_at(struct tmem_client *c, uint32_t id,
                                   uint32_t flags, struct tmem_uuid uuid);

/* 1: done, 0: no such pool, -ERESTART: go on (the id is not in use from the
 * first call on, but free for another pool only after the last), -ENODEV. */
int must_check tmem_pool_destroy(struct tmem_client *c, uint32_t id);

/* May c join the shared pool of that uuid, from now on? Denied by default
 * . -ENOMEM: too many are authorized. */
int must_check tmem_authorize(struct tmem_client *c, struct tmem_uuid uuid,
                              bool allow);
bool tmem_authorized(const struct tmem_client *c, struct tmem_uuid uuid);

/* --- Pages --- */

/*
 * Store a copy of `page`; NULL: a page of zeros, which takes no frame (T-18).
 * 1: stored. Otherwise nothing is stored under h, and if something was, that is
 * gone (-ENOSPC). -TMEM_EFROZEN, -ENOMEM (also by caps; a usual answer),
 * -ENODEV.
 */
int must_check tmem_put(struct tmem_client *c, const struct tmem_handle *h,
                        const void *page);

/*
 * GET, in two steps, so that the caller can look what he gets before he finds a
 * place for it, and that a place that is not to be had changes nothing.
 *
 * begin: 1: a hit, and *hit must be ended; nobody evicts or frees it before.
 *        0: a miss; -TMEM_EEMPTY, -ENODEV.
 * tmem_hit_is_zero(): a page of zeros; a promise may stay one (T-18).
 * tmem_hit_copy(): all 4096 bytes of `page` are written.
 * end: taken: the guest has the data. An exclusive page is gone then.
 *
 * Begin to end is one call of one CPU, on which no other begins meanwhile.
 */
struct tmem_hit {
    struct tmem_client *client;
    struct tmem_page *page;
    uint32_t pool_id;
};
int must_check tmem_get_begin(struct tmem_client *c,
                              const struct tmem_handle *h,
                              struct tmem_hit *hit);
bool tmem_hit_is_zero(const struct tmem_hit *hit);
void tmem_hit_copy(const struct tmem_hit *hit, void *page);
void tmem_get_end(struct tmem_hit *hit, bool taken);

/* All of it at once. */
int must_check tmem_get(struct tmem_client *c, const struct tmem_handle *h,
                        void *page);

/* 1, whether there was something or not; -TMEM_EFROZEN: the same, of a frozen
 * client (T-14); -ENODEV. */
int must_check tmem_flush_page(struct tmem_client *c,
                               const struct tmem_handle *h);

/* All pages of the object (h->index does not matter): as above, or -ERESTART.
 */
int must_check tmem_flush_object(struct tmem_client *c,
                                 const struct tmem_handle *h);

/* --- Giving way --- */

/* Give up ephemeral pages until `pages` frames are free for the host that were
 * not, or there are none, or TMEM_EVICT_MAX frames are. Returns how many. */
#define TMEM_EVICT_MAX 512
uint64_t tmem_evict(uint64_t pages);

/* Free 512 frames that are a superpage: 512 or 0. */
uint64_t tmem_evict_superpage(void);

/* Frames that tmem_evict() could free: T-24. A moment old. */
uint64_t tmem_freeable(void);

/* --- Save and restore of a client's persistent pages (T-41 .. T-43) --- */

/* Freeze c until the end. live: what is flushed meanwhile is noted. -ENOENT:
 * there is nothing to save, -EBUSY: begun already. */
int must_check tmem_save_begin(struct tmem_client *c, bool live);
int must_check tmem_save_end(struct tmem_client *c);

/* How pages travel: as they are stored. */
struct tmem_record {
    struct tmem_handle handle;
    enum tmem_form form;
    uint32_t length; /* of the data */
};

/* The next page of that pool that was not given out since begin, each once;
 * data: 4096 bytes. 1; 0: no more; -ENODEV: no such pool, or not begun. */
int must_check tmem_save_next(struct tmem_client *c, uint32_t pool_id,
                              struct tmem_record *record, void *data);
/* The next page that was flushed since begin and given out before. As above. */
int must_check tmem_save_next_flushed(struct tmem_client *c,
                                      struct tmem_handle *h);

/* Store a page that was saved, whether c is frozen or not: as tmem_put(), or
 * -EINVAL when it is no page, or its pool is not persistent; -TMEM_EFROZEN
 * while c is being saved. */
int must_check tmem_restore(struct tmem_client *c,
                            const struct tmem_record *record, const void *data);

/*
 * All of a client as one stream of bytes, with a count and a checksum at its
 * end (tmem_stream.c has the format). A zeroed struct is its beginning, after
 * tmem_save_begin() or tmem_client_create().
 *
 * write: fill `buffer`, at least TMEM_STREAM_MIN bytes, with whole records;
 *        *used says how far. 1: there is more, 0: that was the end; -ENODEV.
 * read: take whole records out of `buffer`; *used says how far. 1: more is
 *       wanted, 0: the end was there, and all was right. -EINVAL: not a
 *       stream, -EIO: damaged; or why a pool or page was refused. The client
 *       has then what came before, and is of no use.
 */
#define TMEM_STREAM_MIN 4160
struct tmem_stream {
    uint64_t pages, checksum;
    uint32_t phase, pool;
};
int must_check tmem_stream_write(struct tmem_client *c, struct tmem_stream *s,
                                 void *buffer, size_t size, size_t *used);
int must_check tmem_stream_read(struct tmem_client *c, struct tmem_stream *s,
                                const void *buffer, size_t size, size_t *used);

/*
 * --- Statistics: a moment old, but no more hits than gets (T-38) ---
 *
 * Counters are words, kept and shown by the same structures. Of two that belong
 * together the good ones stand first, since they are read in this order, and
 * are raised in the other.
 */

struct tmem_pool_counters {
    uint64_t pages, pages_max;
    uint64_t objects, objects_max; /* of 256 pages each, if they are large */
    uint64_t puts_good, puts_no_memory, dup_replaced, dup_dropped, puts;
    uint64_t gets_hit, gets;
    uint64_t flushes_hit, flushes;
    uint64_t object_flushes_hit, object_flushes;
};

struct tmem_pool_info {
    uint32_t id, flags;
    struct tmem_uuid uuid;
    uint32_t sharers; /* of a shared pool: how many joined */
    struct tmem_pool_counters n;
};

struct tmem_client_counters {
    uint64_t ephemeral_pages, persistent_pages; /* stored; the last, charged */
    uint64_t ephemeral_max;                     /* pages stored, at most */
    uint64_t ephemeral_frames; /* of the host, for data and records */
    uint64_t ephemeral_gets, persistent_puts, persistent_gets; /* good ones */
    uint64_t compressed_pages, compressed_bytes, compressed_poorly;
    uint64_t no_memory; /* PUTs */
    uint64_t evicted;   /* pages */
};

struct tmem_client_info {
    domid_t id;
    bool frozen, saving;
    uint32_t group, pool_count;
    struct tmem_settings settings;
    uint64_t persistent_frames; /* of the host, for data */
    uint64_t record_frames;     /* persistent records; charged */
    struct tmem_client_counters n;
};

/* Each CPU has these; only it writes them. */
struct tmem_cpu_counters {
    uint64_t errors, ops;
    uint64_t frames_failed;  /* a frame was wanted, and none was there */
    uint64_t records_failed; /* the same, for records */
    uint64_t low_memory;     /* of these, with the reserve as the reason */
    uint64_t evicted_frames, evicted_pages, evict_attempts;
    uint64_t relinquished,
        relinquish_attempts; /* tmem_evict(): frames, calls */
    uint64_t pool_flushes;
    uint64_t ephemeral_puts, deduped_puts;                  /* good ones */
    uint64_t form_puts[TMEM_FORMS], form_bytes[TMEM_FORMS]; /* the same */
    /* Not sums: */
    uint64_t relinquish_max;   /* most attempts in one call */
    uint64_t put_attempts_max; /* most attempts to evict in one PUT */
};

struct tmem_info {
    struct tmem_cpu_counters n; /* of all CPUs */
    /* Now, and the most that a look has seen. */
    uint64_t ephemeral_pages, ephemeral_max, persistent_pages, persistent_max;
    uint64_t objects, objects_max;
    uint64_t frames, frames_max; /* that hold something */
    uint64_t free_frames;        /* kept, and empty */
    uint64_t persistent_frames;  /* that hold persistent data */
    uint64_t contents;           /* what others may find equal */
    uint64_t dedup_surplus; /* persistent: pages charged minus frames (T-21) */
    uint64_t weight_sum;
    uint32_t clients;
    enum tmem_policy policy;
};

/* 0, or -ENODEV. */
int must_check tmem_pool_look(struct tmem_client *c, uint32_t id,
                              struct tmem_pool_info *info);
void tmem_client_look(struct tmem_client *c, struct tmem_client_info *info);
void tmem_look(struct tmem_info *info);

/* Recount everything (docs/design/tmem.md has the equations); prints
 * differences, returns how many. Nobody may call anything else meanwhile, or a
 * second look has to confirm what it finds (base/audit.h). */
unsigned tmem_audit(void);

#endif
