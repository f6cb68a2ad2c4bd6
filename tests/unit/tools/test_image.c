/* SPDX-License-Identifier: MIT */
/*
 * A kernel file is untrusted. Every lie about an offset or a size must end in
 * -ENOEXEC with a reason, and nothing outside the file may be read: the file
 * is an allocation of exactly its size, so the address sanitizer sees it.
 */
#include "libxc/image.h"

#include <errno.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "check.h"
#include "kernels.h"
#include "libxc/handle.h"

static struct xc xc;

/* Frees the image; what image_parse() said. */
static int parse(const void *data, size_t size)
{
    struct file f = file_of(data, size);
    struct image image;
    int rc;

    xc.error[0] = 0;
    rc = image_parse(&xc, &f, &image);
    EXPECT(f.data == NULL);
    EXPECT(rc == 0 || xc.error[0]);
    image_free(&image);
    return rc;
}

static void test_elf64(void)
{
    struct kernel64 k;
    struct file f;
    struct image image;

    kernel64_make(&k);
    f = file_of(&k, sizeof(k));
    EXPECT(image_parse(&xc, &f, &image) == 0);
    EXPECT(image.entry == KERNEL_ENTRY);
    EXPECT(image.segment_count == SEGMENT_COUNT);
    EXPECT(image.start == KERNEL_PADDR);
    EXPECT(image.end == KERNEL_PADDR + SEGMENT_COUNT * SEGMENT_MEMORY);
    EXPECT(image.segments[1].file_size == SEGMENT_BYTES);
    EXPECT(image.segments[1].mem_size == SEGMENT_MEMORY);
    EXPECT(image.segments[1].data[0] == 0x22);
    image_free(&image);
}

static void test_elf32(void)
{
    struct {
        Elf32_Ehdr eh;
        Elf32_Phdr ph[2];
        Elf32_Nhdr note;
        char name[4];
        uint32_t entry;
        uint8_t bytes[64];
    } k = {
        .eh = {.e_type = ET_EXEC,
               .e_machine = EM_386,
               .e_phoff = 52,
               .e_phentsize = sizeof(Elf32_Phdr),
               .e_phnum = 2},
        .ph = {{.p_type = PT_NOTE, .p_offset = 116, .p_filesz = 20},
               {.p_type = PT_LOAD,
                .p_offset = 136,
                .p_paddr = 0x100000,
                .p_filesz = 64,
                .p_memsz = 64}},
        .note = {.n_namesz = 4, .n_descsz = 4, .n_type = 18},
        .name = "Xen",
        .entry = 0x100020,
    };
    struct file f;
    struct image image;

    memcpy(k.eh.e_ident, ELFMAG, SELFMAG);
    k.eh.e_ident[EI_CLASS] = ELFCLASS32;
    k.eh.e_ident[EI_DATA] = ELFDATA2LSB;
    f = file_of(&k, sizeof(k));
    EXPECT(image_parse(&xc, &f, &image) == 0);
    EXPECT(image.entry == 0x100020);
    image_free(&image);
}

/* Segments come back in ascending order, whatever the file's is. */
static void test_order(void)
{
    struct kernel64 k;
    struct file f;
    struct image image;
    Elf64_Phdr first;

    kernel64_make(&k);
    first = k.ph[0];
    k.ph[0] = k.ph[1];
    k.ph[1] = first;
    f = file_of(&k, sizeof(k));
    EXPECT(image_parse(&xc, &f, &image) == 0);
    EXPECT(image.segments[0].paddr == KERNEL_PADDR);
    image_free(&image);
}

#define LIE(statement)                                                         \
    do {                                                                       \
        struct kernel64 k;                                                     \
        kernel64_make(&k);                                                     \
        statement;                                                             \
        EXPECT(parse(&k, sizeof(k)) == -ENOEXEC);                              \
    } while (0)

static void test_lies(void)
{
    LIE(k.eh.e_ident[0] = 'X');
    LIE(k.eh.e_ident[EI_CLASS] = 7);
    LIE(k.eh.e_ident[EI_DATA] = ELFDATA2MSB);
    LIE(k.eh.e_machine = EM_AARCH64);
    LIE(k.eh.e_type = ET_REL);
    LIE(k.eh.e_phoff = sizeof(k));
    LIE(k.eh.e_phoff = UINT64_MAX - 8);
    LIE(k.eh.e_phnum = 0);
    LIE(k.eh.e_phnum = 0xffff);
    LIE(k.eh.e_phentsize = 8);
    LIE(k.ph[0].p_type = k.ph[1].p_type = PT_NULL);
    LIE(k.ph[1].p_offset = sizeof(k));
    LIE(k.ph[1].p_offset = UINT64_MAX);
    LIE(k.ph[1].p_filesz = SEGMENT_BYTES + 1);
    LIE(k.ph[1].p_filesz = UINT64_MAX);
    LIE(k.ph[1].p_memsz = SEGMENT_BYTES - 1);
    LIE(k.ph[1].p_memsz = UINT64_MAX);
    LIE(k.ph[1].p_paddr = UINT64_MAX - 16);
    LIE(k.ph[1].p_paddr = 1ull << 32);
    LIE(k.ph[1].p_paddr = (1ull << 32) - 16);
    LIE(k.ph[1].p_paddr = KERNEL_PADDR + SEGMENT_MEMORY - 1); /* overlap */
    LIE(k.ph[1].p_paddr = KERNEL_PADDR);
}

static void test_note_lies(void)
{
    LIE(k.ph[2].p_type = PT_NULL);
    LIE(k.ph[2].p_filesz = 11);
    LIE(k.ph[2].p_filesz = UINT64_MAX);
    LIE(k.ph[2].p_offset = UINT64_MAX - 4);
    LIE(k.note.n_namesz = UINT32_MAX);
    LIE(k.note.n_descsz = UINT32_MAX);
    LIE(k.note.n_descsz = 6);
    LIE(k.note.n_type = 17);
    LIE(k.note_name[0] = 'Y');
    LIE(k.note_entry = 0);
    LIE(k.note_entry = UINT64_MAX);
    /* In the zeros after the second segment: nothing is there to run. */
    LIE(k.note_entry = KERNEL_PADDR + SEGMENT_BYTES);
}

static void test_too_many_segments(void)
{
    struct {
        struct kernel64 k;
        Elf64_Phdr ph[IMAGE_SEGMENTS_MAX + 2];
    } big;

    kernel64_make(&big.k);
    for (unsigned int i = 0; i < IMAGE_SEGMENTS_MAX + 2; i++) {
        big.ph[i] = big.k.ph[0];
        big.ph[i].p_paddr += (i - 1ull) * SEGMENT_MEMORY;
    }
    big.ph[0] = big.k.ph[SEGMENT_COUNT];
    big.k.eh.e_phoff = sizeof(struct kernel64);
    big.k.eh.e_phnum = IMAGE_SEGMENTS_MAX + 1;
    EXPECT(parse(&big, sizeof(big)) == 0);
    big.k.eh.e_phnum = IMAGE_SEGMENTS_MAX + 2;
    EXPECT(parse(&big, sizeof(big)) == -ENOEXEC);
}

static void test_every_truncation(void)
{
    struct kernel64 k;

    kernel64_make(&k);
    for (size_t size = 0; size < sizeof(k); size++) {
        EXPECT(parse(&k, size) == -ENOEXEC);
    }
}

/* ---- bzImages ---------------------------------------------------------- */

enum {
    PACKED_ROOM = 16384
};

static size_t pack_gzip(const void *in, size_t size, uint8_t *out)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)in,
                  .avail_in = (unsigned int)size,
                  .next_out = out,
                  .avail_out = PACKED_ROOM};

    deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY);
    EXPECT(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out; /* gzip ends in the size by itself */
}

static size_t end_in_size(uint8_t *out, size_t packed, uint32_t size)
{
    memcpy(out + packed, &size, sizeof(size));
    return packed + sizeof(size);
}

static size_t pack_xz(const void *in, size_t size, uint8_t *out)
{
    size_t pos = 0;

    EXPECT(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, in, size, out,
                                   &pos, PACKED_ROOM - 4) == LZMA_OK);
    return end_in_size(out, pos, (uint32_t)size);
}

static size_t pack_zstd(const void *in, size_t size, uint8_t *out)
{
    size_t packed = ZSTD_compress(out, PACKED_ROOM - 4, in, size, 3);

    EXPECT(!ZSTD_isError(packed));
    return end_in_size(out, packed, (uint32_t)size);
}

static size_t pack_lz4(const void *in, size_t size, uint8_t *out)
{
    int packed =
        LZ4_compress_default(in, (char *)out + 8, (int)size, PACKED_ROOM - 12);
    uint32_t block = (uint32_t)packed;

    EXPECT(packed > 0);
    memcpy(out, "\x02\x21\x4c\x18", 4);
    memcpy(out + 4, &block, 4);
    return end_in_size(out, 8 + block, (uint32_t)size);
}

typedef size_t packer(const void *in, size_t size, uint8_t *out);
static packer *const packers[] = {pack_gzip, pack_xz, pack_zstd, pack_lz4};
enum {
    PACKER_COUNT = sizeof(packers) / sizeof(packers[0])
};

static struct file make_bzimage(packer *pack)
{
    static uint8_t packed[PACKED_ROOM];
    struct kernel64 k;

    kernel64_make(&k);
    return bzimage_of(packed, pack(&k, sizeof(k), packed));
}

static void test_formats(void)
{
    for (unsigned int i = 0; i < PACKER_COUNT; i++) {
        struct file f = make_bzimage(packers[i]);

        EXPECT(parse(f.data, f.size) == 0);
        free(f.data);
    }
}

static void test_bzimage_truncations(void)
{
    for (unsigned int i = 0; i < PACKER_COUNT; i++) {
        struct file f = make_bzimage(packers[i]);

        for (size_t size = 0; size < f.size; size++) {
            EXPECT(parse(f.data, size) == -ENOEXEC);
        }
        free(f.data);
    }
}

static void set32(struct file *f, size_t offset, uint32_t value)
{
    memcpy(f->data + offset, &value, sizeof(value));
}

static void test_bzimage_lies(void)
{
    for (unsigned int i = 0; i < PACKER_COUNT; i++) {
        struct file f = make_bzimage(packers[i]);
        uint32_t size = sizeof(struct kernel64);

        set32(&f, f.size - 4, size + 1);
        EXPECT(parse(f.data, f.size) == -ENOEXEC);
        set32(&f, f.size - 4, size - 1);
        EXPECT(parse(f.data, f.size) == -ENOEXEC);
        set32(&f, f.size - 4, 0);
        EXPECT(parse(f.data, f.size) == -ENOEXEC);
        set32(&f, f.size - 4, UINT32_MAX);
        EXPECT(parse(f.data, f.size) == -ENOEXEC);
        set32(&f, f.size - 4, size);
        set32(&f, 0x24c, UINT32_MAX);
        EXPECT(parse(f.data, f.size) == -ENOEXEC);
        set32(&f, 0x24c, 3);
        EXPECT(parse(f.data, f.size) == -ENOEXEC);
        set32(&f, 0x248, UINT32_MAX);
        EXPECT(parse(f.data, f.size) == -ENOEXEC);
        free(f.data);
    }
}

static void test_unsupported_format(void)
{
    struct file f = bzimage_of("BZh91AY&SY12345678", 18);

    EXPECT(parse(f.data, f.size) == -ENOEXEC);
    EXPECT(strstr(xc.error, "bzip2") != NULL);
    free(f.data);
}

/* ---- anything ---------------------------------------------------------- */

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* A few bytes changed, with a liking for values at the edges. */
static void mutate(uint8_t *data, size_t size, uint32_t *state)
{
    static const uint8_t edges[] = {0x00, 0xff, 0x7f, 0x80, 0x01};
    uint32_t changes = next_random(state) % 4 + 1;

    for (uint32_t i = 0; i < changes; i++) {
        uint32_t r = next_random(state);
        size_t at = next_random(state) % size;

        data[at] = r & 1 ? edges[(r >> 1) % sizeof(edges)] : (uint8_t)(r >> 8);
    }
}

/* Headers only: a change in the bytes to load is never wrong. */
static void test_mutated_elf(void)
{
    uint32_t state = 0x5eed1;

    for (int i = 0; i < 20000; i++) {
        struct kernel64 k;
        int rc;

        kernel64_make(&k);
        mutate((uint8_t *)&k, offsetof(struct kernel64, bytes), &state);
        rc = parse(&k, sizeof(k));
        EXPECT(rc == 0 || rc == -ENOEXEC);
    }
}

static void test_mutated_bzimage(void)
{
    uint32_t state = 0x5eed2;

    for (int i = 0; i < 1500; i++) {
        struct file f = make_bzimage(packers[i % PACKER_COUNT]);
        int rc;

        /* The unpacked size stays: its limit has a test, and takes long. */
        mutate(f.data + 0x1f0, f.size - 0x1f0 - 4, &state);
        rc = parse(f.data, f.size);
        EXPECT(rc == 0 || rc == -ENOEXEC);
        free(f.data);
    }
}

static const struct check checks[] = {
    {"image: 64-bit ELF", test_elf64},
    {"image: 32-bit ELF", test_elf32},
    {"image: segments in any order", test_order},
    {"image: lies in ELF headers", test_lies},
    {"image: lies in notes", test_note_lies},
    {"image: too many segments", test_too_many_segments},
    {"image: ELF truncated anywhere", test_every_truncation},
    {"image: gzip, xz, zstd, lz4", test_formats},
    {"image: bzImage truncated anywhere", test_bzimage_truncations},
    {"image: lies in bzImage headers", test_bzimage_lies},
    {"image: unsupported packing is named", test_unsupported_format},
    {"image: mutated ELF", test_mutated_elf},
    {"image: mutated bzImage", test_mutated_bzimage},
};

CHECK_MAIN(checks)
