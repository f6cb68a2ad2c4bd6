/* SPDX-License-Identifier: MIT */
/*
 * Inside transcendent memory (docs/design/tmem.md).
 *
 *   client ── join ──▶ pool          who may name what: tmem_client.c
 *   pool ── anchor ── page           what is there: tmem_index.c, in shards
 *   page ──▶ slot of a block         where its data is: tmem_store.c, in stores
 *   block ── frame                   memory: tmem_frames.c; objects:
 * tmem_slab.c purse                            who has it, and who is to give
 * way
 *
 * Locks, outer to inner: `control` (clients, pools, purses), a shard's, a
 * store's, those of frames. Nothing is allocated from the host under any but
 * the first.
 */
#ifndef OVERCOMMIT_TMEM_INTERNAL_H
#define OVERCOMMIT_TMEM_INTERNAL_H

#include "base/lock.h"
#include "lib/list.h"
#include "mm/frame_table.h"
#include "overcommit/tmem.h"

#define SHARDS_MAX     64
#define PARTS          16  /* of an object, in shards of their own */
#define PART_PAGES     256 /* pages in a row that are in one part */
#define PUT_EVICTIONS  16  /* attempts within one PUT (T-27) */
#define STEP_PAGES     128 /* dropped in one call that can be repeated */
#define SHARERS_MAX    64  /* pages with one slot, so that an eviction ends */
#define SLOTS_MAX      4
#define FRAGMENT_SIZES 3
#define FRAGMENT_MAX   2048

enum kind {
    EPHEMERAL,
    PERSISTENT,
    KINDS,
};

/* --- Small objects --- */

enum slab_class {
    SLAB_PAGE,
    SLAB_ANCHOR,
    SLAB_BLOCK_1,
    SLAB_BLOCK_2,
    SLAB_BLOCK_3,
    SLAB_BLOCK_4,
    SLAB_CONTENT,
    SLAB_CLASSES,
    NO_SLAB, /* a frame is what is missing */
};

/* All objects of one purse or store and of one kind; the store's lock. */
struct tmem_slabs {
    struct tmem_store *store;
    struct tmem_purse *purse; /* NULL: they are the store's, and the host's */
    enum kind kind;
    struct list partial[SLAB_CLASSES]; /* slabs with free objects */
    struct list full[SLAB_CLASSES];
    uint64_t frames;
};

/* At the beginning of a frame of objects. */
struct tmem_slab {
    struct list list;
    struct tmem_slabs *slabs;
    uint16_t used, count;
    uint16_t first_free; /* chained by their first two bytes */
    uint16_t fresh;      /* objects from here on were never used */
    uint8_t class;
    uint8_t pins; /* somebody walks it: it is not freed */
};
#define SLAB_HEADER 64

void slabs_init(struct tmem_slabs *slabs, struct tmem_store *store,
                struct tmem_purse *purse, enum kind kind);
/* NULL: slabs_grow(), which needs no lock held, and try again. */
void *slab_take_locked(struct tmem_slabs *slabs, enum slab_class class);
void slab_give_locked(void *object);
/* The frame becomes a slab; false: it may not be charged, and is still the
 * caller's. */
bool slabs_add(struct tmem_slabs *slabs, enum slab_class class,
               struct page *frame);
/* Slabs that were added and not used are free frames again. */
void slabs_shrink(struct tmem_slabs *slabs);
void *slab_object(struct tmem_slab *slab, unsigned index);
struct tmem_slab *slab_of(const void *object);
void slab_unpin_locked(struct tmem_slab *slab);

/* --- Frames --- */

int must_check frames_start(void);
/* A frame with anything in it. NULL: the host has none to spare. No lock of a
 * shard or store may be held. */
struct page *frame_take(enum kind kind);
void frame_put(struct page *frame, enum kind kind);
/* Give kept frames back to the host: `count`, or what there is. */
uint64_t frames_give(uint64_t count);
/* What is kept beyond what is likely to be used soon. */
void frames_trim(void);
uint64_t frames_kept(void);
uint64_t frames_total(void);
uint64_t frames_most(void);
/* For emptying a superpage: the first frame of the chunk with most free frames,
 * which nobody gets any more; NULL: no chunk is whole. Afterwards: given to the
 * host (true) if all of them are free, or as before. */
struct page *chunk_choose(void);
bool chunk_finish(struct page *first);
unsigned frames_audit(uint64_t used, uint64_t used_in_chunks);

/* Whose a frame is that is in use: a block or a slab of the store with that
 * number. */
void frame_set_user(struct page *frame, const struct tmem_store *store,
                    void *user);
void *frame_user(const struct page *frame, uint16_t *store_id);

/* --- Stores: where data is --- */

struct tmem_content { /* a slot that others may find equal */
    struct tmem_content *next;
    uint64_t hash;
    struct tmem_block *block;
    unsigned slot;
};

struct tmem_store {
    struct lock lock;
    uint16_t id;
    uint32_t group; /* 0: of one purse alone */
    uint32_t purses;
    bool noted; /* scratch of those who visit all; control */
    struct tmem_slabs slabs[KINDS]; /* blocks, contents */
    struct tmem_content **contents; /* NULL: nothing is looked for */
    uint64_t content_mask, content_count;
};

struct tmem_slot {
    struct tmem_page *first; /* chained by `same` */
    struct tmem_content *content;
    uint16_t length;
    uint8_t refs; /* pages, and those that are just being linked; 0: free */
    uint8_t form;
};

/* A frame of data. */
struct tmem_block {
    struct list in_purse; /* blocks[kind]; ephemeral: oldest first */
    struct list partial;  /* those with free slots */
    struct tmem_purse *purse;
    uint64_t stamp; /* mean of when its slots were filled */
    struct page *frame;
    uint8_t kind, slot_count, used;
    uint8_t pins;         /* being evicted */
    bool attempted, read; /* had its second chance; read lately */
    struct tmem_slot slots[];
};

/* A client, or a shared pool: what it has, and in which order it gives way. */
struct tmem_purse {
    struct list in_purses; /* control */
    struct tmem_store *store;
    struct tmem_client *owner; /* control and store */
    uint32_t refs;             /* atomic */
    struct list blocks[KINDS]; /* store, as all below */
    struct list partial[KINDS][FRAGMENT_SIZES];
    struct tmem_slabs slabs[KINDS]; /* pages and anchors */
    uint64_t frames[KINDS];         /* of blocks */
    uint64_t oldest;                /* stamp of the first ephemeral block */
};

struct tmem_data { /* what is to be stored, on its way */
    enum tmem_form form;
    uint32_t length;
    uint64_t word;      /* TMEM_FILLED */
    const void *bytes;  /* the others; the guest's own may change still */
    struct page *frame; /* ours until it is used */
    struct tmem_block *block;
    unsigned slot;
};

struct tmem_store *store_create(uint32_t group);
void store_destroy(struct tmem_store *s);
void purse_init(struct tmem_purse *p, struct tmem_store *s);
/* Find or make a slot for d, and write it there; false: an object or d->frame
 * is missing, see *class. */
bool data_place(struct tmem_purse *p, enum kind kind, struct tmem_data *d,
                enum slab_class *class);
void data_unplace(struct tmem_store *s, struct tmem_data *d);
void slot_link_locked(struct tmem_page *p, const struct tmem_data *d);
void slot_unlink_locked(struct tmem_page *p);
void block_touch_locked(struct tmem_block *b);
void block_settle_locked(struct tmem_block *b);
const void *slot_bytes(const struct tmem_block *b, unsigned slot);
/* Blocks that others share go to one of them. False: try again later. */
bool purse_hand_over_locked(struct tmem_purse *p);
void purse_note_oldest_locked(struct tmem_purse *p);
void purse_count_locked(struct tmem_purse *p, enum kind kind, int64_t frames);

/* --- The index --- */

enum page_mark {
    PAGE_IS_FREE, /* an object that is not in use */
    PAGE_LIVE,
    PAGE_DEAD,    /* out of the index; whoever pins it frees it */
    PAGE_FLUSHED, /* out of the hash; an invalidation to be told */
};

struct tmem_page {
    struct tmem_page *hash_next;
    struct tmem_anchor *anchor; /* DEAD: NULL */
    struct list in_anchor;      /* FLUSHED: in the client's list */
    union {
        uint64_t word; /* TMEM_FILLED */
        struct tmem_block *block;
    };
    struct tmem_page *same; /* next with that slot */
    uint32_t index;
    uint32_t save_number; /* of the save that gave it out last */
    uint8_t mark, form, slot;
    uint8_t pins; /* GETs under way; the shard's lock */
    uint8_t shard;
};
BUILD_ASSERT(sizeof(struct tmem_page) <= 64, "1.6 % of what is stored");

/* The pages of an object (one part of it) that there are. */
struct tmem_anchor {
    struct tmem_anchor *hash_next;
    struct tmem_pool *pool;
    uint64_t oid[3];
    uint64_t hash;
    struct list pages, in_pool;
    struct tmem_client *last; /* who touched it last */
    uint32_t part;
    uint32_t page_count; /* on `pages`, and FLUSHED ones */
};

struct tmem_shard {
    struct lock lock;
    struct tmem_page **pages;
    struct tmem_anchor **anchors;
} __attribute__((aligned(64)));

struct tmem_key {
    struct tmem_pool *pool;
    const uint64_t *oid;
    uint32_t index, part;
    uint64_t hash; /* of the part */
    unsigned shard;
};

extern struct tmem_shard shards[SHARDS_MAX];

int must_check index_start(uint64_t key);
/* Tests: so many shards instead of SHARDS_MAX; before tmem_init(). */
void tmem_set_shards(unsigned count);
unsigned shard_count(void);
uint64_t hash_bytes(const void *bytes, size_t size);
void key_make(struct tmem_key *k, struct tmem_pool *pool,
              const struct tmem_handle *h);
void key_make_part(struct tmem_key *k, struct tmem_pool *pool,
                   const uint64_t *oid, uint32_t part);
void index_prefetch(const struct tmem_key *k);
/* The shard's lock is held for all of these; the store's, too, for those that
 * end in _both_locked. */
struct tmem_page *index_find_locked(const struct tmem_key *k);
struct tmem_anchor *anchor_find_locked(const struct tmem_key *k);
bool index_insert_both_locked(const struct tmem_key *k, struct tmem_page *p,
                              struct tmem_client *by);
void page_drop_both_locked(struct tmem_page *p);
void page_free_both_locked(struct tmem_page *p);
void page_unpin_both_locked(struct tmem_page *p);
void flushed_free_both_locked(struct tmem_page *p);
/* Drop pages of an anchor, at most *budget; the anchor may be gone. */
void anchor_drop_locked(struct tmem_anchor *a, unsigned *budget);

/* --- Clients and pools --- */

struct tmem_pool {
    uint64_t number; /* never used again */
    uint32_t flags;
    struct tmem_uuid uuid;
    uint32_t joins;            /* control */
    struct tmem_client *owner; /* control; of a private pool: for ever */
    struct tmem_purse *purse;
    struct tmem_pool_counters counters;
    struct {
        struct list anchors;
        uint32_t count;
    } shard[SHARDS_MAX]; /* the shard's lock */
};

enum join_state {
    JOIN_FREE,
    JOIN_OPEN,
    JOIN_CLOSING, /* being emptied */
    JOIN_CLOSED,  /* empty, until the save that is under way ends */
};

struct tmem_join {
    struct tmem_pool *pool;
    uint32_t users; /* calls that use it now; atomic */
    uint8_t state;  /* control to change; atomic to read */
    bool busy;      /* somebody empties it just now; control */
    uint8_t shard;  /* emptying: where */
    uint32_t left;  /* and how many anchors are to be looked at there */
};

enum saving {
    NOT_SAVING,
    SAVING,
    SAVING_LIVE,
};

struct tmem_client {
    struct list in_clients; /* control */
    domid_t id;
    struct account *payer;
    struct tmem_purse *purse;
    struct tmem_settings settings;
    bool dying, frozen;
    bool save_ending;
    uint8_t saving; /* enum saving */
    uint8_t save_shard;
    uint32_t save_pool;
    uint32_t save_number;
    struct list flushed; /* store lock of purse */
    struct tmem_client_counters counters;
    struct tmem_join joins[TMEM_POOLS];
    uint32_t allowed_count;
    struct tmem_uuid allowed[TMEM_SHARED_POOLS];
};

extern struct lock tmem_control;
extern struct list tmem_clients, tmem_purses; /* control */
extern uint64_t tmem_weight_sum;              /* control */

/* How many pages of a kind it has stored. */
static inline uint64_t *pages_of(struct tmem_client *c, enum kind kind)
{
    return kind == PERSISTENT ? &c->counters.persistent_pages
                              : &c->counters.ephemeral_pages;
}

/* NULL: no such pool. */
struct tmem_pool *pool_enter(struct tmem_client *c, uint32_t id);
void pool_leave(struct tmem_client *c, uint32_t id);
static inline enum kind pool_kind(const struct tmem_pool *p)
{
    return p->flags & TMEM_PERSISTENT ? PERSISTENT : EPHEMERAL;
}
static inline bool uuid_is(struct tmem_uuid a, struct tmem_uuid b)
{
    return a.word[0] == b.word[0] && a.word[1] == b.word[1];
}
/* On the list, with the store `own`, or that of its group if there is one:
 * then `own` is not needed (false), and stays the caller's. */
bool purse_enter_locked(struct tmem_purse *p, struct tmem_store *own);
void purse_put(struct tmem_purse *p);
/* The end of one in which nothing is any more; false: something of it is being
 * evicted. */
bool must_check purse_end(struct tmem_purse *p);
uint64_t stores_sum_locked(uint64_t (*of)(const struct tmem_store *s));
bool client_is_frozen(const struct tmem_client *c);
int client_finish_closed(struct tmem_client *c);
/* Forget what was flushed, unless somebody is to be told. False: go on. */
bool flushed_forget(struct tmem_client *c);
/* The next that was flushed; its record is freed. */
bool flushed_take(struct tmem_client *c, struct tmem_handle *h);
/* Out of the index, if it is there. */
bool page_flush(struct tmem_pool *pool, const struct tmem_handle *h);
/* Nobody else's use of it changes. */
void page_unpin(struct tmem_page *p, struct tmem_pool *pool);

/* --- Forms --- */

/* What every CPU has for itself. */
struct tmem_cpu {
    uint8_t unpacked[PAGE_SIZE]; /* first, since it is a page */
    struct tmem_cpu_counters counters;
    uint8_t packed[2048] __attribute__((aligned(16)));
    uint8_t lz4[] __attribute__((aligned(16)));
};
extern struct tmem_cpu *tmem_cpus[MAX_CPUS];
static inline bool tmem_is_up(void)
{
    return tmem_cpus[0];
}
static inline struct tmem_cpu *this_tmem_cpu(void)
{
    return tmem_cpus[arch_cpu()];
}

/* Is it one word, repeated? */
bool page_is_filled(const void *page, uint64_t *word);
/* d->bytes is the page, or a copy of it: how shall it be stored? `pack`: by
 * LZ4, which wants a copy. */
void data_choose_form(struct tmem_data *d, struct tmem_client *c, bool pack);
/* Write the page that was stored like that. False: it is none. */
bool must_check form_unpack(enum tmem_form form, const void *bytes,
                            uint32_t length, void *page);
/* tmem_lz4.c: 0: not below `size`. */
size_t lz4_state_size(void);
uint32_t lz4_pack(void *state, const void *page, void *to, uint32_t size);
bool must_check lz4_unpack(const void *bytes, uint32_t length, void *page);

/* The size of a slot that n of which make a frame. */
static inline uint32_t slot_size(unsigned n)
{
    static const uint16_t sizes[SLOTS_MAX + 1] = {0, 4096, 2048, 1344, 1024};

    return sizes[n];
}

static inline size_t slot_offset(unsigned slot, unsigned n)
{
    return (size_t)slot * slot_size(n);
}

/* --- Eviction --- */

/* One attempt to free an ephemeral frame, of `own` if that is not NULL.
 * Returns false when there is nothing left; *evicted: frames, raised. */
bool evict_once(const struct tmem_client *own, uint64_t *evicted);
enum tmem_policy tmem_policy_now(void);
extern uint64_t tmem_stamp;

/* Counters that several CPUs write. */
static inline void count_add(uint64_t *counter, int64_t n)
{
    __atomic_fetch_add(counter, (uint64_t)n, __ATOMIC_RELAXED);
}
void count_max(uint64_t *counter, uint64_t value);

#endif
