/* SPDX-License-Identifier: MIT */
/*
 * tmem-cache: a device-mapper target that keeps what was read from a slow disk
 * in an ephemeral pool of the hypervisor's transcendent memory: in memory that
 * nobody has use for, and that may be gone at any time.
 *
 *     echo "0 SECTORS tmem-cache /dev/DISK" | dmsetup create NAME
 *
 * The disk always has everything. Coherence, for each block of 4 KiB:
 *
 *  1. A block is in the pool only if its bit in `cached` is set (the reverse
 *     does not hold: pages vanish).
 *  2. What changes a block (write, discard ...) flushes it before the disk gets
 *     to know, and until it has ended the block does not come into the pool.
 *  3. A block read from the disk is put only if no change of it was under way
 *     at any time since the read began: `changing` counts those that are, and
 *     `generation` those that began.
 *  4. Only pages are put that nobody can write to meanwhile: pages of the page
 *     cache that are being filled. The buffer of an O_DIRECT read is none.
 *
 * What of 1 to 3 has to be at one moment is under the lock of the block's
 * region, 64 blocks; the device mapper splits reads and writes at regions.
 * Regions share locks by their number.
 *
 * A hit is taken out of the pool by the get; it is put back at once, as the
 * youngest. Blocks that a bio does not have in whole pages go past all this,
 * but writes of them flush.
 */
#include "../tmem.h"

#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>

#define BLOCK_SECTORS  (PAGE_SIZE / SECTOR_SIZE)
#define REGION_BLOCKS  64u /* the bits of a word */
#define REGION_SECTORS (REGION_BLOCKS * BLOCK_SECTORS)
#define GATES          256u

struct gate {
    spinlock_t lock;
    u32 changing;
    u32 generation;
};

enum counter {
    HITS,
    MISSES,
    PUTS,
    REFUSED,
    FLUSHES,
    PASSED,
    COUNTERS
};

static const char *const counter_names[COUNTERS] = {
    "hits", "misses", "puts", "refused", "flushes", "passed",
};

struct cache {
    struct dm_dev *disk;
    int pool;
    u64 *cached; /* a word for each region, under its gate's lock */
    struct gate gates[GATES];
    atomic64_t counters[COUNTERS];
};

/* What is kept with each bio until it ends. */
struct note {
    enum {
        NOTHING,
        FILL,
        CHANGE
    } kind;
    u32 generation;        /* FILL: as it was when the read began */
    struct bvec_iter iter; /* FILL */
    u64 first, end;        /* CHANGE: blocks [first, end) */
};

static void count(struct cache *c, enum counter id)
{
    atomic64_inc(&c->counters[id]);
}

static struct gate *gate_of(struct cache *c, u64 region)
{
    return &c->gates[region % GATES];
}

static u64 bit_of(u64 block)
{
    return 1ull << (block % REGION_BLOCKS);
}

static bool is_cached(const struct cache *c, u64 block)
{
    return READ_ONCE(c->cached[block / REGION_BLOCKS]) & bit_of(block);
}

/* A page of the page cache that is being filled: nobody else sees it. */
static bool is_private(struct page *page)
{
    struct folio *folio = page_folio(page);

    return folio_test_locked(folio) && !folio_test_uptodate(folio) &&
           !folio_test_anon(folio) && !folio_test_swapcache(folio) &&
           READ_ONCE(folio->mapping);
}

/* With the gate's lock: puts the block, and notes whether it is there now. */
static void put_block(struct cache *c, u64 block, struct page *page)
{
    u64 *word = &c->cached[block / REGION_BLOCKS];

    if (tmem_put(c->pool, block, page)) {
        WRITE_ONCE(*word, *word & ~bit_of(block));
        count(c, REFUSED);
    } else {
        WRITE_ONCE(*word, *word | bit_of(block));
        count(c, PUTS);
    }
}

/* --- Reads --- */

/* From the pool, or false. */
static bool get_block(struct cache *c, u64 block, struct page *page)
{
    struct gate *gate = gate_of(c, block / REGION_BLOCKS);
    u64 *word = &c->cached[block / REGION_BLOCKS];
    unsigned long flags;
    bool hit;

    spin_lock_irqsave(&gate->lock, flags);
    hit = (*word & bit_of(block)) && !tmem_get(c->pool, block, page);
    WRITE_ONCE(*word, *word & ~bit_of(block));
    if (hit && is_private(page)) {
        put_block(c, block, page);
    }
    spin_unlock_irqrestore(&gate->lock, flags);
    return hit;
}

/* From the pool as many of the bio's first blocks, `most` at most, as there
 * are. */
static unsigned int get_blocks(struct cache *c, struct bio *bio, u64 block,
                               unsigned int most)
{
    unsigned int hits = 0;
    struct bvec_iter iter;
    struct bio_vec part;

    bio_for_each_segment (part, bio, iter) {
        if (hits == most || !is_cached(c, block + hits) ||
            !get_block(c, block + hits, part.bv_page)) {
            break;
        }
        count(c, HITS);
        hits++;
    }
    return hits;
}

/* How many blocks are not in the pool, from one that is not on, up to `most`.
 */
static unsigned int missing_blocks(struct cache *c, u64 block,
                                   unsigned int most)
{
    unsigned int misses = 1;

    while (misses < most && !is_cached(c, block + misses)) {
        misses++;
    }
    return misses;
}

/* The rest comes back as another bio. */
static void accept_blocks(struct bio *bio, unsigned int blocks)
{
    if (blocks * BLOCK_SECTORS < bio_sectors(bio)) {
        dm_accept_partial_bio(bio, blocks * BLOCK_SECTORS);
    }
}

/* The bio is being read: it may be put, if nothing changes till then. */
static void note_fill(struct cache *c, struct bio *bio, u64 block,
                      struct note *note)
{
    struct gate *gate = gate_of(c, block / REGION_BLOCKS);
    unsigned long flags;

    spin_lock_irqsave(&gate->lock, flags);
    if (!gate->changing) {
        note->kind = FILL;
        note->generation = gate->generation;
        note->iter = bio->bi_iter;
    }
    spin_unlock_irqrestore(&gate->lock, flags);
}

/* How many of the bio's first blocks are whole pages. The last one may be cut
 * short, as a disk takes only so many sectors at once. */
static unsigned int whole_blocks(struct bio *bio)
{
    unsigned int blocks = 0;
    struct bvec_iter iter;
    struct bio_vec part;

    if (bio->bi_iter.bi_sector % BLOCK_SECTORS) {
        return 0;
    }
    bio_for_each_segment (part, bio, iter) {
        if (part.bv_offset || part.bv_len != PAGE_SIZE) {
            break;
        }
        blocks++;
    }
    return blocks;
}

static int map_read(struct cache *c, struct bio *bio, struct note *note)
{
    u64 block = bio->bi_iter.bi_sector / BLOCK_SECTORS;
    unsigned int whole = whole_blocks(bio);
    unsigned int blocks;

    if (!whole) {
        count(c, PASSED);
        return DM_MAPIO_REMAPPED;
    }
    blocks = get_blocks(c, bio, block, whole);
    if (blocks) {
        accept_blocks(bio, blocks);
        bio_endio(bio);
        return DM_MAPIO_SUBMITTED;
    }
    blocks = missing_blocks(c, block, whole);
    accept_blocks(bio, blocks);
    atomic64_add(blocks, &c->counters[MISSES]);
    note_fill(c, bio, block, note);
    return DM_MAPIO_REMAPPED;
}

static void fill_block(struct cache *c, u64 block, struct page *page,
                       u32 generation)
{
    struct gate *gate = gate_of(c, block / REGION_BLOCKS);
    unsigned long flags;

    spin_lock_irqsave(&gate->lock, flags);
    if (!gate->changing && gate->generation == generation && is_private(page)) {
        put_block(c, block, page);
    }
    spin_unlock_irqrestore(&gate->lock, flags);
}

static void fill(struct cache *c, struct bio *bio, const struct note *note)
{
    struct bvec_iter iter;
    struct bio_vec part;

    __bio_for_each_segment (part, bio, iter, note->iter) {
        fill_block(c, iter.bi_sector / BLOCK_SECTORS, part.bv_page,
                   note->generation);
    }
}

/* --- Changes --- */

/* The bits of region's word that [first, end) has. */
static u64 bits_of(u64 region, u64 first, u64 end)
{
    u64 from = max(first, region * REGION_BLOCKS) % REGION_BLOCKS;
    u64 last = min(end - 1, (region + 1) * REGION_BLOCKS - 1) % REGION_BLOCKS;

    return GENMASK_ULL(last, from);
}

/* With the gate's lock. */
static void flush_bits(struct cache *c, u64 region, u64 bits)
{
    u64 *word = &c->cached[region];
    u64 left = *word & bits;

    while (left) {
        tmem_flush(c->pool, region * REGION_BLOCKS + __ffs64(left));
        count(c, FLUSHES);
        left &= left - 1;
    }
    WRITE_ONCE(*word, *word & ~bits);
}

static void change_begins(struct cache *c, const struct note *note)
{
    u64 region = note->first / REGION_BLOCKS;
    unsigned long flags;

    for (; region <= (note->end - 1) / REGION_BLOCKS; region++) {
        struct gate *gate = gate_of(c, region);

        spin_lock_irqsave(&gate->lock, flags);
        gate->changing++;
        gate->generation++;
        flush_bits(c, region, bits_of(region, note->first, note->end));
        spin_unlock_irqrestore(&gate->lock, flags);
    }
}

static void change_ends(struct cache *c, const struct note *note)
{
    u64 region = note->first / REGION_BLOCKS;
    unsigned long flags;

    for (; region <= (note->end - 1) / REGION_BLOCKS; region++) {
        struct gate *gate = gate_of(c, region);

        spin_lock_irqsave(&gate->lock, flags);
        gate->changing--;
        spin_unlock_irqrestore(&gate->lock, flags);
    }
}

static int map_change(struct cache *c, struct bio *bio, struct note *note)
{
    note->kind = CHANGE;
    note->first = bio->bi_iter.bi_sector / BLOCK_SECTORS;
    note->end = DIV_ROUND_UP_ULL(bio_end_sector(bio), BLOCK_SECTORS);
    change_begins(c, note);
    return DM_MAPIO_REMAPPED;
}

/* --- What the device mapper calls --- */

static int cache_map(struct dm_target *ti, struct bio *bio)
{
    struct cache *c = ti->private;
    struct note *note = dm_per_bio_data(bio, sizeof(*note));

    note->kind = NOTHING;
    bio_set_dev(bio, c->disk->bdev);
    bio->bi_iter.bi_sector = dm_target_offset(ti, bio->bi_iter.bi_sector);
    if (!bio_sectors(bio)) {
        return DM_MAPIO_REMAPPED;
    }
    return bio_op(bio) == REQ_OP_READ ? map_read(c, bio, note)
                                      : map_change(c, bio, note);
}

static int cache_end_io(struct dm_target *ti, struct bio *bio,
                        blk_status_t *error)
{
    struct cache *c = ti->private;
    struct note *note = dm_per_bio_data(bio, sizeof(*note));

    if (note->kind == CHANGE) {
        change_ends(c, note);
    } else if (note->kind == FILL && !*error) {
        fill(c, bio, note);
    }
    return DM_ENDIO_DONE;
}

static int cache_prepare(struct dm_target *ti, struct cache *c,
                         const char *path)
{
    u64 blocks = DIV_ROUND_UP_ULL(ti->len, BLOCK_SECTORS);
    int error;

    if (!tmem_slots_fit(blocks)) {
        ti->error = "the disk is too large";
        return -EINVAL;
    }
    c->cached = kvcalloc(DIV_ROUND_UP_ULL(blocks, REGION_BLOCKS), sizeof(u64),
                         GFP_KERNEL);
    if (!c->cached) {
        ti->error = "no memory";
        return -ENOMEM;
    }
    error = dm_get_device(ti, path, dm_table_get_mode(ti->table), &c->disk);
    if (error) {
        ti->error = "cannot open the disk";
        return error;
    }
    if (bdev_nr_sectors(c->disk->bdev) < ti->len) {
        ti->error = "the disk is too small";
        error = -EINVAL;
    } else {
        c->pool = tmem_new_pool(0);
        if (c->pool >= 0) {
            return 0;
        }
        ti->error = "the hypervisor gives no pool";
        error = c->pool;
    }
    dm_put_device(ti, c->disk);
    return error;
}

static int cache_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
    struct cache *c;
    int error;

    if (argc != 1) {
        ti->error = "expected one argument, the disk";
        return -EINVAL;
    }
    c = kzalloc(sizeof(*c), GFP_KERNEL);
    if (!c) {
        ti->error = "no memory";
        return -ENOMEM;
    }
    for (unsigned int i = 0; i < GATES; i++) {
        spin_lock_init(&c->gates[i].lock);
    }
    error = dm_set_target_max_io_len(ti, REGION_SECTORS);
    if (!error) {
        error = cache_prepare(ti, c, argv[0]);
    }
    if (error) {
        kvfree(c->cached);
        kfree(c);
        return error;
    }
    ti->private = c;
    ti->per_io_data_size = sizeof(struct note);
    ti->num_flush_bios = 1;
    ti->num_discard_bios = 1;
    ti->num_secure_erase_bios = 1;
    ti->num_write_zeroes_bios = 1;
    return 0;
}

static void cache_dtr(struct dm_target *ti)
{
    struct cache *c = ti->private;

    tmem_destroy_pool(c->pool);
    dm_put_device(ti, c->disk);
    kvfree(c->cached);
    kfree(c);
}

static void cache_status(struct dm_target *ti, status_type_t type,
                         unsigned int flags, char *result, unsigned int maxlen)
{
    struct cache *c = ti->private;
    unsigned int sz = 0; /* DMEMIT wants this name */

    switch (type) {
    case STATUSTYPE_INFO:
        for (unsigned int i = 0; i < COUNTERS; i++) {
            DMEMIT("%s%s %lld", i ? " " : "", counter_names[i],
                   atomic64_read(&c->counters[i]));
        }
        break;
    case STATUSTYPE_TABLE:
        DMEMIT("%s", c->disk->name);
        break;
    default:
        *result = '\0';
    }
}

static int cache_iterate_devices(struct dm_target *ti,
                                 iterate_devices_callout_fn fn, void *data)
{
    struct cache *c = ti->private;

    return fn(ti, c->disk, 0, ti->len, data);
}

static struct target_type cache_target = {
    .name = "tmem-cache",
    .version = {1, 0, 0},
    .module = THIS_MODULE,
    .ctr = cache_ctr,
    .dtr = cache_dtr,
    .map = cache_map,
    .end_io = cache_end_io,
    .status = cache_status,
    .iterate_devices = cache_iterate_devices,
};

static int __init cache_start(void)
{
    return xen_domain() ? dm_register_target(&cache_target) : -ENODEV;
}

static void __exit cache_stop(void)
{
    dm_unregister_target(&cache_target);
}

module_init(cache_start);
module_exit(cache_stop);

MODULE_DESCRIPTION("a cache for slow disks in transcendent memory");
MODULE_LICENSE("Dual MIT/GPL");
