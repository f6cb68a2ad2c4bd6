/* SPDX-License-Identifier: MIT */
/* bzImages for tests: a header by hand, and payloads by the real programs. */
#ifndef BZIMAGES_H
#define BZIMAGES_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

#define SETUP_SIZE ((size_t)2 * 512)

struct bytes {
    uint8_t *data;
    size_t size;
};

/* An allocation of exactly that size: reading beyond it is caught. */
static inline struct bytes bytes_of(const void *data, size_t size)
{
    struct bytes b = {malloc(size ? size : 1), size};

    memcpy(b.data, data, size);
    return b;
}

static inline void put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static inline void put32(uint8_t *p, uint32_t value)
{
    put16(p, value);
    put16(p + 2, value >> 16);
}

/* A bzImage of protocol 2.15 around a payload. */
static inline struct bytes bzimage_of(struct bytes payload)
{
    struct bytes b = {calloc(1, SETUP_SIZE + payload.size),
                      SETUP_SIZE + payload.size};

    b.data[0x1f1] = 1;
    put16(b.data + 0x1fe, 0xaa55);
    memcpy(b.data + 0x202, "HdrS", 4);
    put16(b.data + 0x206, 0x20f);
    put32(b.data + 0x24c, (uint32_t)payload.size);
    memcpy(b.data + SETUP_SIZE, payload.data, payload.size);
    return b;
}

static inline struct bytes bytes_of_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct bytes b;
    long size;

    if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0) {
        FAIL("%s cannot be read", path);
    }
    b = (struct bytes){malloc((size_t)size + 1), (size_t)size};
    rewind(f);
    EXPECT_EQ(fread(b.data, 1, b.size, f), b.size);
    fclose(f);
    return b;
}

/* What `command` makes of the data, from its input to its output. */
static inline struct bytes filtered(struct bytes in, const char *command)
{
    char path[] = "/tmp/podium-unit-XXXXXX", out[64], line[256];
    int fd = mkstemp(path);
    struct bytes b;

    EXPECT(fd >= 0 && write(fd, in.data, in.size) == (ssize_t)in.size);
    close(fd);
    snprintf(out, sizeof(out), "%s.out", path);
    snprintf(line, sizeof(line), "%s <%s >%s", command, path, out);
    if (system(line)) {
        FAIL("'%s' failed: is it installed (config/packages)?", command);
    }
    b = bytes_of_file(out);
    unlink(path);
    unlink(out);
    return b;
}

/* How Linux's makefiles call them. */
struct packer {
    const char *name, *command;
    bool adds_size; /* in four bytes behind; gzip does it by itself */
};

static const struct packer packers[] = {
    {"gzip", "gzip -n -9", false},
    {"xz", "xz --check=crc32 --x86 --lzma2=dict=32MiB", true},
    {"zstd", "zstd -q -19", true},
    {"lz4", "lz4 -q -l -9", true},
};

static inline struct bytes packed_by(const struct packer *p,
                                     struct bytes kernel)
{
    struct bytes b = filtered(kernel, p->command);

    if (p->adds_size) {
        b.data = realloc(b.data, b.size + 4);
        put32(b.data + b.size, (uint32_t)kernel.size);
        b.size += 4;
    }
    return b;
}

/* Bytes that pack about as a kernel does: nobody's, and not all the same. */
static inline struct bytes some_kernel(size_t size)
{
    struct bytes b = {malloc(size), size};
    uint64_t random = 1;

    for (size_t i = 0; i < size; i++) {
        bool again = i > 5000 && unit_random_below(&random, 8);

        b.data[i] = again ? b.data[i - 4999] : (uint8_t)unit_random(&random);
    }
    memcpy(b.data, "\177ELF", 4);
    return b;
}

#endif
