/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "boot/elf.h"
#include "unit.h"

/* A small kernel, 64 bits wide: header, two program headers, a note, code. */
struct image {
    struct {
        uint8_t magic[4], class, data, version, pad[9];
        uint16_t type, machine;
        uint32_t version2;
        uint64_t entry, phoff, shoff;
        uint32_t flags;
        uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
    } header;
    struct program {
        uint32_t type, flags;
        uint64_t offset, vaddr, paddr, filesz, memsz, align;
    } load, notes;
    struct {
        uint32_t name_size, desc_size, type;
        char name[8];
        uint32_t desc[2];
    } other, entry;
    uint8_t code[64];
};

static struct image image(void)
{
    struct image i = {
        .header = {.magic = "\177ELF",
                   .class = 2,
                   .data = 1,
                   .version = 1,
                   .type = 2,
                   .machine = 62,
                   .phoff = offsetof(struct image, load),
                   .phentsize = sizeof(struct program),
                   .phnum = 2},
        .load = {.type = 1,
                 .offset = offsetof(struct image, code),
                 .vaddr = 0xffffffff81000000,
                 .paddr = 0x1000000,
                 .filesz = sizeof(i.code),
                 .memsz = 0x5000},
        .notes = {.type = 4,
                  .offset = offsetof(struct image, other),
                  .filesz = 2 * sizeof(i.other)},
        .other = {.name_size = 5, .desc_size = 8, .type = 18, .name = "Linux"},
        .entry = {.name_size = 4, .desc_size = 4, .type = 18, .name = "Xen"},
    };

    /* "Xen" is 4 bytes, so its descriptor comes right behind. */
    uint32_t entry = 0x1000010;

    memcpy(i.entry.name + 4, &entry, sizeof(entry));
    i.notes.filesz = 2 * sizeof(i.other);
    return i;
}

static const char *read_image(const struct image *i, struct elf_kernel *k)
{
    return elf_read_kernel(i, sizeof(*i), k);
}

TEST(reads_segments_and_entry)
{
    struct image i = image();
    struct elf_kernel k;

    EXPECT(!read_image(&i, &k));
    EXPECT_EQ(k.entry, 0x1000010);
    EXPECT_EQ(k.start, 0x1000000);
    EXPECT_EQ(k.end, 0x1005000);
    EXPECT_EQ(k.segment_count, 1);
    EXPECT_EQ(k.segments[0].file_size, sizeof(i.code));
    EXPECT(k.segments[0].bytes == i.code);
}

TEST(takes_an_eight_byte_entry)
{
    struct image i = image();
    struct elf_kernel k;

    i.entry.desc_size = 8;
    EXPECT(!read_image(&i, &k));
    EXPECT_EQ(k.entry, 0x1000010);
}

/* Cut the file at every length: never a crash, and a complaint for each length
 * at which something that matters is missing. */
TEST(complains_about_every_truncation)
{
    struct image i = image();

    for (size_t size = 0; size < sizeof(i); size++) {
        uint8_t *cut = malloc(size ? size : 1);
        struct elf_kernel k;

        memcpy(cut, &i, size);
        EXPECT(elf_read_kernel(cut, size, &k));
        free(cut);
    }
}

/* Any bytes in the headers: the sanitizers look for reads outside. */
TEST(survives_any_header)
{
    uint64_t random = unit_seed(1);

    for (unsigned n = 0; n < 200000 * unit_long(); n++) {
        struct image i = image();
        uint8_t *bytes = (uint8_t *)&i;
        struct elf_kernel k;
        unsigned changes = 1 + unit_random_below(&random, 8);

        while (changes--) {
            uint64_t at =
                unit_random_below(&random, offsetof(struct image, code) - 20);

            bytes[20 + at] = (uint8_t)unit_random(&random);
        }
        if (!read_image(&i, &k)) {
            volatile uint8_t sum = 0;

            for (unsigned s = 0; s < k.segment_count; s++) {
                const uint8_t *from = k.segments[s].bytes;

                for (uint64_t b = 0; b < k.segments[s].file_size; b++) {
                    sum += from[b];
                }
            }
            (void)sum;
        }
    }
}

TEST(refuses_segments_that_wrap)
{
    struct image i = image();
    struct elf_kernel k;

    i.load.paddr = ~0ULL - 0x1000;
    EXPECT(read_image(&i, &k));
    i = image();
    i.load.filesz = ~0ULL;
    EXPECT(read_image(&i, &k));
    i = image();
    i.load.memsz = 1;
    EXPECT(read_image(&i, &k));
}

TEST(says_what_is_missing)
{
    struct image i = image();
    struct elf_kernel k;

    i.entry.type = 1;
    EXPECT_TEXT(read_image(&i, &k),
                "it has no PVH entry point (Xen ELF note 18; Linux has one "
                "with CONFIG_PVH)");
    i = image();
    i.header.magic[0] = 0;
    EXPECT_TEXT(read_image(&i, &k), "neither a bzImage nor an ELF file");
    i = image();
    i.load.paddr = 0x2000000;
    EXPECT_TEXT(read_image(&i, &k),
                "the PVH entry point lies outside what is loaded");
}
