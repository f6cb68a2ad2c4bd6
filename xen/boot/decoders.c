/* SPDX-License-Identifier: MIT */
/*
 * Each decoder goes from bytes to bytes in one call, with both sizes given,
 * and is believed only if it fills the output exactly. So no packed kernel,
 * however odd, makes it write elsewhere or take more memory than its arena.
 *
 * Of the four bytes with the size at the end of a payload, gzip says that they
 * are its own; the others must not see them.
 */
#include "boot/decoders.h"

#define ZSTD_STATIC_LINKING_ONLY /* contexts in memory of our own */
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "lib/string.h"
#include "types/bits.h"

#define TRAILER_SIZE   4
#define ARENA_ALIGN    16UL
#define LZ4_BLOCK_SIZE (8U << 20) /* of the old format, which kernels use */
#define GZIP_WRAPPER   16         /* tells zlib to expect gzip's header */

struct decoder {
    const char *name;
    const char *magic;
    size_t magic_size;
    bool owns_trailer;
    /* NULL: DECODER_WORK_MIN. */
    uint64_t (*work)(struct packed in, struct arena *arena);
    /* NULL: known by name only. */
    bool (*run)(struct packed in, uint8_t *out, size_t size,
                struct arena *arena);
};

void *arena_take(struct arena *a, size_t size)
{
    size_t start = ROUND_UP(a->used, ARENA_ALIGN);

    if (start > a->size || size > a->size - start) {
        return NULL;
    }
    a->used = start + size;
    return a->bytes + start;
}

/* --- gzip --- */

static voidpf zlib_take(voidpf arena, uInt count, uInt size)
{
    return arena_take(arena, (size_t)count * size);
}

static void zlib_give(voidpf arena, voidpf memory)
{
}

static bool run_gzip(struct packed in, uint8_t *out, size_t size,
                     struct arena *arena)
{
    z_stream z = {
        .next_in = (Bytef *)(uintptr_t)in.bytes,
        .avail_in = (uInt)in.size,
        .next_out = out,
        .avail_out = (uInt)size,
        .zalloc = zlib_take,
        .zfree = zlib_give,
        .opaque = arena,
    };

    return inflateInit2(&z, MAX_WBITS + GZIP_WRAPPER) == Z_OK &&
           inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == size;
}

/* --- xz --- */

static void *lzma_take(void *arena, size_t count, size_t size)
{
    return arena_take(arena, count * size); /* count is always 1 */
}

static void lzma_give(void *arena, void *memory)
{
}

static lzma_ret decode_xz(struct packed in, uint8_t *out, size_t size,
                          struct arena *arena, uint64_t *limit)
{
    const lzma_allocator allocator = {lzma_take, lzma_give, arena};
    size_t in_done = 0, out_done = 0;
    lzma_ret result =
        lzma_stream_buffer_decode(limit, 0, &allocator, in.bytes, &in_done,
                                  in.size, out, &out_done, size);

    return result == LZMA_OK && out_done != size ? LZMA_DATA_ERROR : result;
}

/* Its dictionary, which the header has the size of. Not allowed any memory,
 * the library says how much it would want. */
static uint64_t work_xz(struct packed in, struct arena *arena)
{
    uint64_t wanted = 1;
    uint8_t nothing;
    lzma_ret result = decode_xz(in, &nothing, 0, arena, &wanted);

    return result == LZMA_MEMLIMIT_ERROR ? wanted + DECODER_WORK_MIN : 0;
}

static bool run_xz(struct packed in, uint8_t *out, size_t size,
                   struct arena *arena)
{
    uint64_t limit = ~0ULL; /* the arena is the limit */

    return decode_xz(in, out, size, arena, &limit) == LZMA_OK;
}

/* --- zstd --- */

static bool run_zstd(struct packed in, uint8_t *out, size_t size,
                     struct arena *arena)
{
    size_t work = ZSTD_estimateDCtxSize();
    void *memory = arena_take(arena, work);
    ZSTD_DCtx *context = memory ? ZSTD_initStaticDCtx(memory, work) : NULL;

    return context &&
           ZSTD_decompressDCtx(context, out, size, in.bytes, in.size) == size;
}

/* --- lz4 --- */

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

/*
 * After the magic number there are blocks: a packed size in four bytes, and so
 * many bytes, which unpack to 8 MiB at most. No mark at the end.
 */
static bool run_lz4(struct packed in, uint8_t *out, size_t size,
                    struct arena *arena)
{
    size_t at = 4, done = 0;

    while (in.size - at >= 4 && done < size) {
        size_t room = MIN(size - done, LZ4_BLOCK_SIZE);
        uint32_t packed = get32(in.bytes + at);
        int got;

        at += 4;
        if (packed > in.size - at) {
            return false;
        }
        got = LZ4_decompress_safe((const char *)in.bytes + at,
                                  (char *)out + done, (int)packed, (int)room);
        if (got <= 0) {
            return false;
        }
        at += packed;
        done += (size_t)got;
    }
    return at == in.size && done == size;
}

/* --- all of them --- */

static const struct decoder decoders[] = {
    {"gzip", "\x1f\x8b", 2, true, NULL, run_gzip},
    {"xz", "\xfd\x37zXZ\0", 6, false, work_xz, run_xz},
    {"zstd", "\x28\xb5\x2f\xfd", 4, false, NULL, run_zstd},
    {"lz4", "\x02\x21\x4c\x18", 4, false, NULL, run_lz4},
    {"bzip2", "BZh", 3, false, NULL, NULL},
    {"lzo", "\x89LZO", 4, false, NULL, NULL},
    {"lzma", "\x5d\0\0", 3, false, NULL, NULL},
};

const struct decoder *decoder_find(struct packed in, const char **name)
{
    *name = "an unknown format";
    for (unsigned i = 0; i < ARRAY_COUNT(decoders); i++) {
        const struct decoder *d = &decoders[i];

        if (in.size > d->magic_size + TRAILER_SIZE &&
            memcmp(in.bytes, d->magic, d->magic_size) == 0) {
            *name = d->name;
            return d->run ? d : NULL;
        }
    }
    return NULL;
}

static struct packed stream_of(const struct decoder *d, struct packed in)
{
    in.size -= d->owns_trailer ? 0 : TRAILER_SIZE;
    return in;
}

uint64_t decoder_work(const struct decoder *d, struct packed in,
                      struct arena *arena)
{
    return d->work ? d->work(stream_of(d, in), arena) : DECODER_WORK_MIN;
}

bool decoder_run(const struct decoder *d, struct packed in, uint8_t *out,
                 size_t size, struct arena *arena)
{
    return d->run(stream_of(d, in), out, size, arena);
}
