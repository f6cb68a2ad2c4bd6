/* SPDX-License-Identifier: MIT */
/*
 * Kernels come packed in one of several formats. A decoder here is a function
 * from bytes to a buffer of the size that the kernel says; it must fill that
 * buffer exactly. So the largest thing that a hostile kernel file can make us
 * allocate is bounded, and no decoder ever grows a buffer.
 */
#include "libxc/decompress.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "libxc/handle.h"

#define UNPACKED_BYTES_MAX (1u << 30)
#define LZ4_BLOCK_BYTES    (8u << 20) /* of the format that kernels use */

struct span {
    const uint8_t *data;
    size_t size;
};

struct format {
    const char *name;
    const char *magic;
    size_t magic_size;
    /* True if `in` unpacked to exactly size bytes. NULL: not supported. */
    bool (*decode)(struct span in, uint8_t *out, size_t size);
    bool wants_trailer; /* the size at the end is part of the format */
};

static uint32_t le32(const uint8_t *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool decode_gzip(struct span in, uint8_t *out, size_t size)
{
    z_stream z = {
        .next_in = (uint8_t *)(uintptr_t)in.data,
        .avail_in = (unsigned int)in.size,
        .next_out = out,
        .avail_out = (unsigned int)size,
    };
    bool good;

    if (inflateInit2(&z, 15 + 16) != Z_OK) { /* 16: a gzip header */
        return false;
    }
    good = inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == size;
    inflateEnd(&z);
    return good;
}

static bool decode_xz(struct span in, uint8_t *out, size_t size)
{
    uint64_t memory = UINT64_MAX;
    size_t in_pos = 0, out_pos = 0;

    return lzma_stream_buffer_decode(&memory, 0, NULL, in.data, &in_pos,
                                     in.size, out, &out_pos, size) == LZMA_OK &&
           out_pos == size;
}

static bool decode_zstd(struct span in, uint8_t *out, size_t size)
{
    size_t got = ZSTD_decompress(out, size, in.data, in.size);

    return !ZSTD_isError(got) && got == size;
}

/*
 * The old lz4 container: after the magic number, blocks of a 32-bit packed
 * size and that many bytes, each unpacking to at most 8 MiB. No end mark.
 */
static bool decode_lz4(struct span in, uint8_t *out, size_t size)
{
    size_t pos = 4, done = 0;

    while (in.size - pos >= 4 && done < size) {
        uint32_t packed = le32(in.data + pos);
        size_t room = size - done;
        int got;

        pos += 4;
        if (packed == 0 || packed > in.size - pos) {
            return false;
        }
        room = room < LZ4_BLOCK_BYTES ? room : LZ4_BLOCK_BYTES;
        got = LZ4_decompress_safe((const char *)in.data + pos,
                                  (char *)out + done, (int)packed, (int)room);
        if (got <= 0) {
            return false;
        }
        pos += packed;
        done += (size_t)got;
    }
    return pos == in.size && done == size;
}

static const struct format formats[] = {
    {"gzip", "\x1f\x8b", 2, decode_gzip, true},
    {"xz", "\xfd\x37\x7a\x58\x5a\x00", 6, decode_xz, false},
    {"zstd", "\x28\xb5\x2f\xfd", 4, decode_zstd, false},
    {"lz4", "\x02\x21\x4c\x18", 4, decode_lz4, false},
    {"bzip2", "BZh", 3, NULL, false},
    {"lzo", "\x89LZO", 4, NULL, false},
    {"lzma", "\x5d\x00\x00", 3, NULL, false},
};

static const struct format *find_format(struct span in)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (in.size >= formats[i].magic_size &&
            !memcmp(in.data, formats[i].magic, formats[i].magic_size)) {
            return &formats[i];
        }
    }
    return NULL;
}

static int check_format(struct xc *xc, const struct format *format)
{
    if (!format) {
        return xc_fail(xc, -ENOEXEC,
                       "the kernel's payload is packed in an unknown format");
    }
    if (!format->decode) {
        return xc_fail(xc, -ENOEXEC,
                       "the kernel is packed with %s; gzip, xz, zstd and lz4 "
                       "are supported",
                       format->name);
    }
    return 0;
}

int decompress_payload(struct xc *xc, const uint8_t *in, size_t in_size,
                       uint8_t **out, size_t *out_size)
{
    struct span span = {in, in_size};
    const struct format *format = find_format(span);
    uint32_t size;
    int rc;

    rc = check_format(xc, format);
    if (rc) {
        return rc;
    }
    size = in_size > 8 ? le32(in + in_size - 4) : 0;
    if (size == 0 || size > UNPACKED_BYTES_MAX) {
        return xc_fail(xc, -ENOEXEC,
                       "the kernel is damaged: an unpacked size of %u bytes",
                       size);
    }
    *out = malloc(size);
    if (!*out) {
        return xc_fail(xc, -ENOMEM, "no memory in dom0 to unpack the kernel");
    }
    span.size -= format->wants_trailer ? 0 : 4;
    xc_report(xc, "unpacking kernel", 0, size);
    if (!format->decode(span, *out, size)) {
        free(*out);
        *out = NULL;
        return xc_fail(xc, -ENOEXEC,
                       "the kernel is damaged: its %s payload "
                       "does not unpack to %u bytes",
                       format->name, size);
    }
    xc_report(xc, "unpacking kernel", size, size);
    *out_size = size;
    return 0;
}
