/* SPDX-License-Identifier: MIT */
/* Both protocols of boot loaders, and what may be wrong in what they leave:
 * structures written by hand into the machine's RAM. */
#include "arch/fake/fake.h"
#include "boot/boot_info.h"
#include "unit.h"

#define MB1 0x2BADB002u
#define MB2 0x36D76289u
#define AT  0x500000u /* the information; strings and lists are beyond */

static struct boot_info info;

static void *ram(uint32_t address)
{
    return (char *)arch_map(MFN(address >> PAGE_SHIFT)) + address % PAGE_SIZE;
}

static void put_words(uint32_t address, const uint32_t *words, unsigned count)
{
    memcpy(ram(address), words, count * sizeof(*words));
}

static void put_text(uint32_t address, const char *text)
{
    memcpy(ram(address), text, strlen(text) + 1);
}

static bool parse(uint32_t magic)
{
    return multiboot_parse(magic, PADDR(AT), &info);
}

TEST(another_loader_is_refused)
{
    fake_start(NULL);
    EXPECT(!parse(0x12345678));
    EXPECT_EQ(info.range_count, 0);
}

/* --- Multiboot 1 --- */

static void put_mb1(uint32_t flags, const char *loader)
{
    static const uint32_t module[4] = {0x700000, 0x701000, AT + 0x300, 0};
    static const uint32_t nameless[4] = {0x800000, 0x800010, 0, 0};
    static const uint32_t backwards[4] = {0x801000, 0x800000, 0, 0};
    static const uint32_t ranges[2][6] = {{20, 0, 0, 0x9fc00, 0, 1},
                                          {20, 0x100000, 0, 0x7f00000, 0, 1}};
    uint32_t mb[17] = {flags};

    mb[4] = AT + 0x100;
    mb[5] = 3;
    mb[6] = AT + 0x200;
    mb[11] = sizeof(ranges);
    mb[12] = AT + 0x400;
    mb[16] = AT + 0x500;
    put_words(AT, mb, 17);
    put_text(AT + 0x100, "podium noreboot");
    put_words(AT + 0x200, module, 4);
    put_words(AT + 0x210, nameless, 4);
    put_words(AT + 0x220, backwards, 4);
    put_text(AT + 0x300, "vmlinux console=hvc0");
    put_words(AT + 0x400, ranges[0], 12);
    put_text(AT + 0x500, loader);
}

TEST(multiboot_1_of_qemu)
{
    fake_start(NULL);
    put_mb1(1 << 2 | 1 << 3 | 1 << 6 | 1 << 9, "qemu");
    EXPECT(parse(MB1));
    EXPECT_TEXT(info.command_line, "noreboot");
    EXPECT_EQ(info.module_count, 2);
    EXPECT_EQ(info.modules[0].start.v, 0x700000);
    EXPECT_EQ(info.modules[0].size, 0x1000);
    EXPECT_TEXT(info.modules[0].command_line, "console=hvc0");
    EXPECT_TEXT(info.modules[1].command_line, "");
    EXPECT_EQ(info.range_count, 2);
    EXPECT_EQ(info.ranges[1].start.v, 0x100000);
    EXPECT_EQ(info.ranges[1].size, 0x7f00000);
    EXPECT_EQ(info.ranges[1].type, 1);
    EXPECT(!info.has_rsdp);
}

TEST(multiboot_1_of_another_loader_has_no_file_names)
{
    fake_start(NULL);
    put_mb1(1 << 2 | 1 << 3 | 1 << 6 | 1 << 9, "GRUB 2.06");
    EXPECT(parse(MB1));
    EXPECT_TEXT(info.command_line, "podium noreboot");
    EXPECT_TEXT(info.modules[0].command_line, "vmlinux console=hvc0");
}

TEST(multiboot_1_without_a_memory_map)
{
    fake_start(NULL);
    put_mb1(1 << 2, "qemu");
    EXPECT(!parse(MB1));
    EXPECT_EQ(info.module_count, 0);
    EXPECT_EQ(info.range_count, 0);
}

TEST(multiboot_1_modules_lie_anywhere)
{
    static const uint32_t module[4] = {0x700000, 0x701000, 0, 0};
    uint32_t modules = AT + 0x601;

    fake_start(NULL);
    put_mb1(1 << 3 | 1 << 6, "");
    memcpy((uint32_t *)ram(AT) + 6, &modules, 4);
    put_words(modules, module, 4);
    EXPECT(parse(MB1));
    EXPECT_EQ(info.modules[0].start.v, 0x700000);
    EXPECT_EQ(info.modules[0].size, 0x1000);
}

/* Neither may keep us busy for 4 thousand million rounds. */
TEST(multiboot_1_counts_without_end)
{
    static const uint32_t empty[6] = {0};
    uint32_t all = ~0u;

    fake_start(NULL);
    put_mb1(1 << 3 | 1 << 6, "");
    memcpy((uint32_t *)ram(AT) + 5, &all, 4);
    put_words(AT + 0x220, empty, 4);
    EXPECT(parse(MB1));
    EXPECT_EQ(info.module_count, BOOT_MODULE_LIMIT);

    put_mb1(1 << 6, "");
    memcpy((uint32_t *)ram(AT) + 11, &all, 4);
    put_words(AT + 0x418, empty, 6);
    EXPECT(parse(MB1));
    EXPECT_EQ(info.range_count, 1);
}

/* --- Multiboot 2 --- */

/* A map of one range; `last` follows it. */
static void put_mb2(const uint32_t *last, unsigned count)
{
    static const uint32_t map[10] = {6, 40, 24, 0, 0x100000, 0, 0x400000, 0, 1};
    uint32_t head[2] = {8 + sizeof(map) + count * 4, 0};

    put_words(AT, head, 2);
    put_words(AT + 8, map, 10);
    put_words(AT + 48, last, count);
}

TEST(multiboot_2)
{
    static const uint32_t rest[] = {
        1,    13, 0x74737572, 0x00000000,             /* "rust" padded */
        3,    19, 0x700000,   0x700800,   0x00006b6f, /* "ok" */
        0,    14, 20,         0x44535220, 0x52545020, 0x12345678, 0,
        0xff, 16, 0,          0,          0,          0,          8,
    };

    fake_start(NULL);
    put_mb2(rest, ARRAY_COUNT(rest));
    EXPECT(parse(MB2));
    EXPECT_TEXT(info.command_line, "rust");
    EXPECT_EQ(info.module_count, 1);
    EXPECT_EQ(info.modules[0].size, 0x800);
    EXPECT_TEXT(info.modules[0].command_line, "ok");
    EXPECT(info.has_rsdp);
    EXPECT_EQ(memcmp(info.rsdp, &rest[12], 12), 0);
    EXPECT_EQ(info.range_count, 1);
    EXPECT_EQ(info.ranges[0].size, 0x400000);
}

TEST(multiboot_2_a_tag_of_no_size_ends_the_list)
{
    static const uint32_t rest[] = {1, 0, 3, 19};

    fake_start(NULL);
    put_mb2(rest, ARRAY_COUNT(rest));
    EXPECT(parse(MB2));
    EXPECT_EQ(info.module_count, 0);
}

/* Its size, rounded up, is 0 in 32 bits: the next tag is the same again. */
TEST(multiboot_2_a_tag_of_4_gib_ends_the_list)
{
    static const uint32_t rest[] = {77, ~0u, 0, 0};

    fake_start(NULL);
    put_mb2(rest, ARRAY_COUNT(rest));
    EXPECT(parse(MB2));
    EXPECT_EQ(info.range_count, 1);
}

/* What is said behind the end of the list is not the loader's. */
TEST(multiboot_2_a_tag_that_is_cut_off_is_not_read)
{
    static const uint32_t rest[] = {3, 24, 0x700000, 0x700800};

    fake_start(NULL);
    put_mb2(rest, ARRAY_COUNT(rest));
    EXPECT(parse(MB2));
    EXPECT_EQ(info.module_count, 0);
}

TEST(multiboot_2_a_tag_too_short_for_its_type_is_not_read)
{
    static const uint32_t rest[] = {3, 12, 0x700000, 0x700800, 6, 8, 24, 0};

    fake_start(NULL);
    put_mb2(rest, ARRAY_COUNT(rest));
    EXPECT(parse(MB2));
    EXPECT_EQ(info.module_count, 0);
    EXPECT_EQ(info.range_count, 1);
}
