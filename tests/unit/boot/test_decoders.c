/* SPDX-License-Identifier: MIT */
/*
 * Streams of the real compressors, whole, cut and broken. Input, output and
 * arena are allocations of exactly their size, with the sanitizers' fences.
 */
#include "boot/decoders.h"

#include "bzimages.h"

#define KERNEL_SIZE 400000

static struct packed in_of(struct bytes b)
{
    return (struct packed){b.data, b.size};
}

/* Unpack to `size` bytes that are compared with the kernel, if it is given. */
static bool unpacks(struct bytes packed, size_t size,
                    const struct bytes *kernel)
{
    const char *name;
    const struct decoder *d = decoder_find(in_of(packed), &name);
    struct arena arena = {malloc(DECODER_WORK_MIN), DECODER_WORK_MIN, 0};
    uint64_t work = d ? decoder_work(d, in_of(packed), &arena) : 0;
    uint8_t *out = malloc(size);
    bool good;

    free(arena.bytes);
    if (!work || work > 64 << 20) {
        free(out);
        return false;
    }
    arena = (struct arena){malloc(work), work, 0};
    good = decoder_run(d, in_of(packed), out, size, &arena);
    if (good && kernel) {
        EXPECT_EQ(size, kernel->size);
        EXPECT(memcmp(out, kernel->data, size) == 0);
    }
    free(arena.bytes);
    free(out);
    return good;
}

/* fn for each of the formats. */
static void each(void (*fn)(struct bytes kernel, struct bytes packed,
                            const char *name))
{
    struct bytes kernel = some_kernel(KERNEL_SIZE);

    for (unsigned i = 0; i < ARRAY_COUNT(packers); i++) {
        struct bytes packed = packed_by(&packers[i], kernel);

        EXPECT(packed.size < KERNEL_SIZE / 2);
        fn(kernel, packed, packers[i].name);
        free(packed.data);
    }
    free(kernel.data);
}

static void expect_kernel(struct bytes kernel, struct bytes packed,
                          const char *name)
{
    const char *found;

    EXPECT(decoder_find(in_of(packed), &found));
    EXPECT_TEXT(found, name);
    EXPECT(unpacks(packed, KERNEL_SIZE, &kernel));
}

TEST(unpack_what_linux_packs)
{
    each(expect_kernel);
}

static void expect_size_to_count(struct bytes kernel, struct bytes packed,
                                 const char *name)
{
    EXPECT(!unpacks(packed, KERNEL_SIZE - 1, NULL));
    EXPECT(!unpacks(packed, KERNEL_SIZE + 1, NULL));
    EXPECT(!unpacks(packed, 1, NULL));
}

TEST(want_the_exact_size)
{
    each(expect_size_to_count);
}

static void expect_cut_to_be_seen(struct bytes kernel, struct bytes packed,
                                  const char *name)
{
    for (size_t size = 0; size < packed.size;
         size += size < 64 || size + 64 > packed.size ? 1 : 997) {
        struct bytes cut = bytes_of(packed.data, size);

        EXPECT(!unpacks(cut, KERNEL_SIZE, NULL));
        free(cut.data);
    }
}

TEST(notice_every_cut)
{
    each(expect_cut_to_be_seen);
}

/* The sanitizers look on. lz4 has no sum to check its bytes by. */
static void expect_breaks_to_be_seen(struct bytes kernel, struct bytes packed,
                                     const char *name)
{
    uint64_t random = unit_seed(1);

    for (unsigned n = 0; n < 40 * unit_long(); n++) {
        size_t at = unit_random_below(&random, packed.size - 4);
        uint8_t flip = (uint8_t)(1 + unit_random_below(&random, 255));

        packed.data[at] ^= flip;
        if (unpacks(packed, KERNEL_SIZE, NULL)) {
            /* gzip's header has a time and a system in it. */
            EXPECT(strcmp(name, "lz4") == 0 ||
                   (strcmp(name, "gzip") == 0 && at < 10));
        }
        packed.data[at] ^= flip;
    }
}

TEST(survive_every_broken_byte)
{
    each(expect_breaks_to_be_seen);
}

/* What is wanted beyond the arena is not given: no crash, and no kernel. */
static void expect_arena_to_bound(struct bytes kernel, struct bytes packed,
                                  const char *name)
{
    struct packed in = in_of(packed);
    const struct decoder *d = decoder_find(in, &name);
    uint8_t *out = malloc(KERNEL_SIZE);

    for (size_t size = 0; size < 40000; size += 1000) {
        struct arena arena = {malloc(size + 1), size, 0};

        if (decoder_run(d, in, out, KERNEL_SIZE, &arena)) {
            EXPECT(strcmp(name, "lz4") == 0 || size > 7000);
        }
        EXPECT(arena.used <= size);
        free(arena.bytes);
    }
    free(out);
}

TEST(live_within_their_arena)
{
    each(expect_arena_to_bound);
}

TEST(are_named_if_there_is_none)
{
    static const uint8_t bzip2[] = "BZh91AY&SY", none[] = "something else";
    const char *name;

    EXPECT(!decoder_find((struct packed){bzip2, sizeof(bzip2)}, &name));
    EXPECT_TEXT(name, "bzip2");
    EXPECT(!decoder_find((struct packed){none, sizeof(none)}, &name));
    EXPECT_TEXT(name, "an unknown format");
    EXPECT(!decoder_find((struct packed){bzip2, 3}, &name));
}

TEST(an_arena_ends)
{
    uint8_t memory[64] __attribute__((aligned(16)));
    struct arena a = {memory, sizeof(memory), 0};

    EXPECT(arena_take(&a, 1) == memory);
    EXPECT(arena_take(&a, 16) == memory + 16);
    EXPECT(!arena_take(&a, ~0UL));
    EXPECT(!arena_take(&a, 33));
    EXPECT(arena_take(&a, 31) == memory + 32);
    EXPECT(!arena_take(&a, 1));
}
