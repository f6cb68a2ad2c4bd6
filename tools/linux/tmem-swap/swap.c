/* SPDX-License-Identifier: MIT */
/*
 * tmem-swap: a disk to swap to whose pages are kept by the hypervisor, in a
 * persistent pool of transcendent memory, and by a disk where it takes no more.
 *
 *     insmod tmem-swap.ko size=MIB [fallback=/dev/DISK]
 *     mkswap /dev/tmemswap && swapon /dev/tmemswap
 *
 * A slot is 4 KiB, and is in one place, which `places` says:
 *
 *     EMPTY     nowhere: never written, or freed; reads as zeros
 *     IN_POOL   the pool has it
 *     ON_DISK   the fallback has it, at the same place
 *     LOST      a write failed: to read it is an error, until it is written
 *
 * A write goes to the pool, and to the fallback if the pool refuses; a refusal
 * leaves nothing of the slot in the pool (put-put-get coherence), so a slot is
 * never in both. LOST is also what a slot is while it is being written to the
 * fallback, and what becomes of one that the pool has lost.
 *
 * The kernel calls rw_page first, which is the short way to and from the pool;
 * where that fails it sends the same page in a bio, which may also go to the
 * fallback. It says when a slot is free (swap_slot_free_notify, or discard):
 * what is never flushed would stay in the pool until the module goes.
 *
 * Whoever has this disk open does not write and free one slot at once; swap
 * does not, as the page is in its cache meanwhile. Were it done all the same,
 * the slot would have one content or the other.
 */
#include "counters.h"

#include "../tmem.h"

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/vmalloc.h>

#define DISK_NAME        "tmemswap"
#define SECTORS_PER_SLOT (PAGE_SIZE / SECTOR_SIZE)
/* So many writes to the fallback can be begun when there is no memory. */
#define CHILDREN 64

enum place {
    EMPTY,
    IN_POOL,
    ON_DISK,
    LOST
};

/* One slot on its way to or from the fallback, for a bio that came to us. */
struct child {
    u64 slot;
    struct bio bio; /* the last: its vectors follow it */
};

static unsigned long size;
module_param(size, ulong, 0444);
MODULE_PARM_DESC(size, "MiB; 0, or not given: as large as the fallback");
static char *fallback;
module_param(fallback, charp, 0444);
MODULE_PARM_DESC(fallback, "block device for what the hypervisor refuses");

static int pool;
static u64 slot_count;
static u8 *places; /* enum place of each slot */
static struct gendisk *disk;
static struct block_device *fallback_bdev; /* NULL: there is none */
static struct bio_set children;

/* --- The fallback --- */

static void child_done(struct bio *bio)
{
    struct child *child = container_of(bio, struct child, bio);
    struct bio *parent = bio->bi_private;

    if (bio->bi_status) {
        parent->bi_status = bio->bi_status;
    } else if (op_is_write(bio_op(bio))) {
        WRITE_ONCE(places[child->slot], ON_DISK);
    }
    bio_put(bio);
    bio_endio(parent);
}

/* The parent ends when all of its children have, and then itself. The pool of
 * bios has a rescuer: several may be begun before the first one ends. */
static void start_child(struct bio *parent, u64 slot, struct page *page)
{
    blk_opf_t flags =
        bio_op(parent) | (parent->bi_opf & (REQ_SYNC | REQ_META | REQ_PRIO));
    struct bio *bio =
        bio_alloc_bioset(fallback_bdev, 1, flags, GFP_NOIO, &children);

    container_of(bio, struct child, bio)->slot = slot;
    bio->bi_iter.bi_sector = slot * SECTORS_PER_SLOT;
    __bio_add_page(bio, page, PAGE_SIZE, 0);
    bio->bi_private = parent;
    bio->bi_end_io = child_done;
    bio_inc_remaining(parent);
    submit_bio_noacct(bio);
}

/* --- Slots --- */

static void free_slot(u64 slot)
{
    if (READ_ONCE(places[slot]) == IN_POOL) {
        tmem_flush(pool, slot);
        count(FLUSHES);
    }
    WRITE_ONCE(places[slot], EMPTY);
}

static int put_slot(u64 slot, struct page *page)
{
    int error = tmem_put(pool, slot, page);

    WRITE_ONCE(places[slot], error ? LOST : IN_POOL);
    count(error ? REFUSED : PUTS);
    return error;
}

/* -EAGAIN: it is on the disk. */
static int get_slot(u64 slot, struct page *page)
{
    int error;

    switch (READ_ONCE(places[slot])) {
    case EMPTY:
        clear_highpage(page);
        return 0;
    case ON_DISK:
        return -EAGAIN;
    case IN_POOL:
        break;
    default:
        return -EIO;
    }
    error = tmem_get(pool, slot, page);
    if (error) {
        pr_err_ratelimited(DISK_NAME ": slot %llu is not to be had: %d\n", slot,
                           error);
        return -EIO;
    }
    count(GETS);
    return 0;
}

static int write_slot(struct bio *bio, u64 slot, struct page *page)
{
    int error = put_slot(slot, page);

    if (!error || !fallback_bdev) {
        return error;
    }
    count(DISK_WRITES);
    start_child(bio, slot, page);
    return 0;
}

static int read_slot(struct bio *bio, u64 slot, struct page *page)
{
    int error = get_slot(slot, page);

    if (error != -EAGAIN) {
        return error;
    }
    count(DISK_READS);
    start_child(bio, slot, page);
    return 0;
}

/* --- What the kernel calls --- */

static bool has_whole_pages(struct bio *bio)
{
    struct bvec_iter iter;
    struct bio_vec part;

    bio_for_each_segment (part, bio, iter) {
        if (part.bv_offset || part.bv_len != PAGE_SIZE) {
            return false;
        }
    }
    return true;
}

/* Blocks are 4 KiB, but a bio may have one in two pieces; swap's have not. */
static void transfer(struct bio *bio)
{
    bool write = op_is_write(bio_op(bio));
    struct bvec_iter iter;
    struct bio_vec part;
    int error;

    if (!has_whole_pages(bio)) {
        bio->bi_status = BLK_STS_NOTSUPP;
        return;
    }
    bio_for_each_segment (part, bio, iter) {
        u64 slot = iter.bi_sector / SECTORS_PER_SLOT;

        error = write ? write_slot(bio, slot, part.bv_page)
                      : read_slot(bio, slot, part.bv_page);
        if (error) {
            bio->bi_status = error == -ENOMEM ? BLK_STS_NOSPC : BLK_STS_IOERR;
        }
    }
}

static void discard(struct bio *bio)
{
    u64 slot = bio->bi_iter.bi_sector / SECTORS_PER_SLOT;
    u64 end = bio_end_sector(bio) / SECTORS_PER_SLOT;

    for (; slot < end; slot++) {
        free_slot(slot);
        cond_resched();
    }
}

static void swap_submit_bio(struct bio *bio)
{
    switch (bio_op(bio)) {
    case REQ_OP_READ:
    case REQ_OP_WRITE:
        transfer(bio);
        break;
    case REQ_OP_DISCARD:
        discard(bio);
        break;
    default:
        bio->bi_status = BLK_STS_NOTSUPP;
    }
    bio_endio(bio);
}

/* An error: the kernel tries again with a bio. */
static int swap_rw_page(struct block_device *bdev, sector_t sector,
                        struct page *page, enum req_op op)
{
    u64 slot = sector / SECTORS_PER_SLOT;
    bool write = op_is_write(op);
    int error;

    if (PageTransHuge(page)) {
        return -EOPNOTSUPP;
    }
    error = write ? put_slot(slot, page) : get_slot(slot, page);
    if (!error) {
        page_endio(page, write, 0);
    }
    return error;
}

/* With a lock held, so the fallback is not told. */
static void swap_slot_free(struct block_device *bdev, unsigned long slot)
{
    free_slot(slot);
}

static const struct block_device_operations operations = {
    .owner = THIS_MODULE,
    .submit_bio = swap_submit_bio,
    .rw_page = swap_rw_page,
    .swap_slot_free_notify = swap_slot_free,
};

/* --- Coming and going --- */

static int open_fallback(void)
{
    struct block_device *bdev;
    u64 slots;

    if (!fallback) {
        return 0;
    }
    bdev = blkdev_get_by_path(fallback, FMODE_READ | FMODE_WRITE | FMODE_EXCL,
                              &fallback_bdev);
    if (IS_ERR(bdev)) {
        pr_err(DISK_NAME ": cannot open %s\n", fallback);
        return PTR_ERR(bdev);
    }
    slots = bdev_nr_sectors(bdev) / SECTORS_PER_SLOT;
    if (!size) {
        slot_count = slots;
    }
    if (slots < slot_count || bdev_logical_block_size(bdev) > PAGE_SIZE) {
        pr_err(DISK_NAME ": %s is too small\n", fallback);
        blkdev_put(bdev, FMODE_READ | FMODE_WRITE | FMODE_EXCL);
        return -ENOSPC;
    }
    fallback_bdev = bdev;
    return 0;
}

static void close_fallback(void)
{
    if (fallback_bdev) {
        blkdev_put(fallback_bdev, FMODE_READ | FMODE_WRITE | FMODE_EXCL);
    }
}

static int add_disk_of_slots(void)
{
    struct request_queue *queue;
    int error;

    disk = blk_alloc_disk(NUMA_NO_NODE);
    if (!disk) {
        return -ENOMEM;
    }
    strscpy(disk->disk_name, DISK_NAME, sizeof(disk->disk_name));
    disk->fops = &operations;
    disk->flags |= GENHD_FL_NO_PART;
    set_capacity(disk, slot_count * SECTORS_PER_SLOT);
    queue = disk->queue;
    blk_queue_flag_set(QUEUE_FLAG_NONROT, queue);
    blk_queue_logical_block_size(queue, PAGE_SIZE);
    blk_queue_physical_block_size(queue, PAGE_SIZE);
    queue->limits.discard_granularity = PAGE_SIZE;
    blk_queue_max_discard_sectors(queue, UINT_MAX);
    error = device_add_disk(NULL, disk, counter_groups);
    if (error) {
        put_disk(disk);
    }
    return error;
}

static int __init swap_start(void)
{
    int error;

    if (!xen_domain()) {
        return -ENODEV;
    }
    slot_count = (u64)size << (20 - PAGE_SHIFT);
    error = open_fallback();
    if (error) {
        return error;
    }
    error = -EINVAL;
    if (!slot_count || !tmem_slots_fit(slot_count)) {
        pr_err(DISK_NAME ": expected size=MIB, or a fallback\n");
        goto no_places;
    }
    error = -ENOMEM;
    places = vzalloc(slot_count);
    if (!places) {
        goto no_places;
    }
    error = bioset_init(&children, CHILDREN, offsetof(struct child, bio),
                        BIOSET_NEED_BVECS | BIOSET_NEED_RESCUER);
    if (error) {
        goto no_children;
    }
    pool = tmem_new_pool(TMEM_POOL_PERSIST);
    if (pool < 0) {
        pr_err(DISK_NAME ": the hypervisor gives no pool: %d\n", pool);
        error = pool;
        goto no_pool;
    }
    error = add_disk_of_slots();
    if (error) {
        goto no_disk;
    }
    pr_info(DISK_NAME ": %llu MiB in pool %d, fallback %s\n",
            slot_count >> (20 - PAGE_SHIFT), pool,
            fallback ? fallback : "none");
    return 0;

no_disk:
    tmem_destroy_pool(pool);
no_pool:
    bioset_exit(&children);
no_children:
    vfree(places);
no_places:
    close_fallback();
    return error;
}

/* Nobody has the disk open. */
static void __exit swap_stop(void)
{
    del_gendisk(disk);
    put_disk(disk);
    tmem_destroy_pool(pool);
    bioset_exit(&children);
    vfree(places);
    close_fallback();
}

module_init(swap_start);
module_exit(swap_stop);

MODULE_DESCRIPTION("swap to the hypervisor's transcendent memory");
MODULE_LICENSE("Dual MIT/GPL");
