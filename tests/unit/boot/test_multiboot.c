/* SPDX-License-Identifier: MIT */
/* What loaders leave in memory, by the two specifications. */
#include "boot/boot_info.h"

#include "machine.h"

#define MB1_MAGIC 0x2BADB002
#define MB2_MAGIC 0x36D76289
#define AT        0x400000U /* the fake machine's RAM begins there */

static struct boot_info info;
static uint32_t end; /* of what was written so far */

static uint8_t *memory(uint32_t address)
{
    return (uint8_t *)arch_map(MFN(address >> PAGE_SHIFT)) +
           address % PAGE_SIZE;
}

static uint32_t put(const void *data, size_t size)
{
    uint32_t at = end;

    memcpy(memory(at), data, size);
    end = (end + (uint32_t)size + 7) & ~7U;
    return at;
}

static uint32_t put_text(const char *text)
{
    return put(text, strlen(text) + 1);
}

/* --- multiboot 2 --- */

static void begin_2(void)
{
    fake_start(NULL);
    end = AT + 8;
}

/* A tag of `count` words, and a text unless that is NULL. */
static void tag(uint32_t type, const uint32_t *words, unsigned count,
                const char *text)
{
    size_t length = text ? strlen(text) + 1 : 0;
    uint32_t size = 8 + count * 4 + (uint32_t)length;
    uint8_t bytes[600];

    memcpy(bytes, (uint32_t[]){type, size}, 8);
    if (count) {
        memcpy(bytes + 8, words, (size_t)count * 4);
    }
    if (text) {
        memcpy(bytes + 8 + (size_t)count * 4, text, length);
    }
    put(bytes, size);
}

static void module_2(uint32_t start, uint32_t size, const char *text)
{
    tag(3, (uint32_t[]){start, start + size}, 2, text);
}

static bool parse_2(void)
{
    uint32_t total;

    /* A memory map of one entry, then the last tag. */
    tag(6, (uint32_t[]){24, 0, 0, 0, 0x40000000, 0, 1, 0}, 8, NULL);
    tag(0, NULL, 0, NULL);
    total = end - AT;
    memcpy(memory(AT), &total, 4);
    return multiboot_parse(MB2_MAGIC, PADDR(AT), &info);
}

/* As Debian's grub.d/20_linux_xen writes its entries. */
TEST(debians_entries_for_xen)
{
    begin_2();
    tag(1, NULL, 0, "placeholder dom0_mem=1G no-real-mode edd=off");
    module_2(0x1000000, 5000, "placeholder root=UUID=0a1b ro quiet");
    module_2(0x2000000, 7000, "");
    EXPECT(parse_2());
    EXPECT_TEXT(info.command_line, "dom0_mem=1G no-real-mode edd=off");
    EXPECT_EQ(info.module_count, 2);
    EXPECT_TEXT(info.modules[0].command_line, "root=UUID=0a1b ro quiet");
    EXPECT_EQ(info.modules[0].start.v, 0x1000000);
    EXPECT_EQ(info.modules[0].size, 5000);
    EXPECT_TEXT(info.modules[1].command_line, "");
    EXPECT_EQ(info.range_count, 1);
    EXPECT_EQ(info.ranges[0].size, 0x40000000);
}

static const char *kernel_line(const char *given)
{
    begin_2();
    module_2(0x1000000, 5000, given);
    EXPECT(parse_2());
    return info.modules[0].command_line;
}

TEST(names_in_front_are_no_arguments)
{
    EXPECT_TEXT(kernel_line("/boot/vmlinuz root=/dev/sda1"), "root=/dev/sda1");
    EXPECT_TEXT(kernel_line("(hd0,1)/vmlinuz quiet"), "quiet");
    EXPECT_TEXT(kernel_line("placeholder"), "");
    EXPECT_TEXT(kernel_line("  placeholder  a b"), "a b");
    EXPECT_TEXT(kernel_line("placeholders a"), "placeholders a");
    EXPECT_TEXT(kernel_line("root=/dev/sda1 /x"), "root=/dev/sda1 /x");
    EXPECT_TEXT(kernel_line(""), "");
}

TEST(a_module_that_ends_before_it_begins_is_none)
{
    begin_2();
    tag(3, (uint32_t[]){0x2000, 0x1000}, 2, "odd");
    EXPECT(parse_2());
    EXPECT_EQ(info.module_count, 0);
}

/* --- multiboot 2 under UEFI --- */

#define EFI_ENTRY 48u /* longer than what is specified, as firmware has it */

struct efi_entry {
    uint32_t type, padding;
    uint64_t start, virtual_start, pages, attributes;
};

/* A tag of EFI's memory map. */
static void efi_map(const struct efi_entry *entries, unsigned count)
{
    uint32_t words[2 + 10 * (EFI_ENTRY / 4)] = {EFI_ENTRY, 1};

    for (unsigned i = 0; i < count; i++) {
        memcpy(&words[2 + i * (EFI_ENTRY / 4)], &entries[i],
               sizeof(entries[i]));
    }
    tag(17, words, 2 + count * (EFI_ENTRY / 4), NULL);
}

static bool parse_end(void)
{
    uint32_t total;

    tag(0, NULL, 0, NULL);
    total = end - AT;
    memcpy(memory(AT), &total, 4);
    return multiboot_parse(MB2_MAGIC, PADDR(AT), &info);
}

static void expect_range(unsigned n, uint64_t start, uint64_t size,
                         uint32_t type)
{
    EXPECT_EQ(info.ranges[n].start.v, start);
    EXPECT_EQ(info.ranges[n].size, size);
    EXPECT_EQ(info.ranges[n].type, type);
}

/* Boot services are over, so their memory is RAM, and one with its neighbours;
 * tables and what the firmware goes on using is not. */
TEST(efis_memory_map)
{
    static const struct efi_entry entries[] = {
        {3, 0, 0, 0, 1, 0},           {7, 0, 0x1000, 0, 0x9f, 0},
        {1, 0, 0x100000, 0, 1, 0},    {2, 0, 0x101000, 0, 1, 0},
        {4, 0, 0x102000, 0, 0xfe, 0}, {5, 0, 0x200000, 0, 1, 0},
        {6, 0, 0x201000, 0, 1, 0},    {9, 0, 0x300000, 0, 1, 0},
        {10, 0, 0x301000, 0, 2, 0},   {99, 0, 0x400000, 0, 1, 0},
    };

    begin_2();
    efi_map(entries, ARRAY_COUNT(entries));
    EXPECT(parse_end());
    EXPECT(info.from_efi);
    EXPECT_EQ(info.range_count, 6);
    expect_range(0, 0, 0xa0000, BOOT_RAM);
    expect_range(1, 0x100000, 0x100000, BOOT_RAM);
    expect_range(2, 0x200000, 0x2000, BOOT_RESERVED);
    expect_range(3, 0x300000, 0x1000, BOOT_ACPI);
    expect_range(4, 0x301000, 0x2000, BOOT_NVS);
    expect_range(5, 0x400000, 0x1000, BOOT_RESERVED);
}

TEST(efis_map_with_sizes_that_cannot_be)
{
    static const struct efi_entry entries[] = {
        {7, 0, 0x100000, 0, 0, 0},
        {7, 0, 0x200000, 0, ~0ULL >> 12, 0},
        {7, 0, 0x300000, 0, 1, 0},
    };

    begin_2();
    efi_map(entries, ARRAY_COUNT(entries));
    EXPECT(parse_end());
    EXPECT_EQ(info.range_count, 1);
    expect_range(0, 0x300000, 0x1000, BOOT_RAM);
}

TEST(efis_map_with_entries_that_are_too_short)
{
    begin_2();
    tag(17, (uint32_t[20]){32, 1, 7, 0, 0x100000, 0, 0, 0, 1, 0}, 20, NULL);
    EXPECT(!parse_end());
    EXPECT_EQ(info.range_count, 0);
}

/* GRUB's badram and cutmem change that one. */
TEST(the_ordinary_map_counts_when_there_are_both)
{
    static const struct efi_entry entries[] = {{7, 0, 0, 0, 0x1000, 0}};

    begin_2();
    efi_map(entries, ARRAY_COUNT(entries));
    EXPECT(parse_2());
    EXPECT(info.from_efi);
    EXPECT_EQ(info.range_count, 1);
    expect_range(0, 0, 0x40000000, BOOT_RAM);
}

TEST(efis_system_table_tells_that_it_is_efi)
{
    begin_2();
    EXPECT(parse_2());
    EXPECT(!info.from_efi);
    begin_2();
    tag(12, (uint32_t[]){0x1000, 0}, 2, NULL);
    EXPECT(parse_2());
    EXPECT(info.from_efi);
}

/* In whichever order they come. */
TEST(the_newer_root_pointer_of_acpi_counts)
{
    static const uint32_t old[5] = {1, 2, 3, 0, 5}, new[9] = {6, 7, 8, 9};

    begin_2();
    tag(15, new, 9, NULL);
    tag(14, old, 5, NULL);
    EXPECT(parse_2());
    EXPECT(info.has_rsdp && memcmp(info.rsdp, new, sizeof(new)) == 0);
    begin_2();
    tag(14, old, 5, NULL);
    tag(15, new, 9, NULL);
    EXPECT(parse_2());
    EXPECT(info.has_rsdp && memcmp(info.rsdp, new, sizeof(new)) == 0);
}

/* --- multiboot 2: the screen --- */

static void screen_tag(uint32_t bits, uint32_t type)
{
    tag(8, (uint32_t[]){0x80000000, 1, 4096, 1024, 768, bits | type << 8, 0, 0},
        8, NULL);
}

TEST(a_screen_of_points)
{
    begin_2();
    screen_tag(32, 1);
    EXPECT(parse_2());
    EXPECT_EQ(info.screen.memory.v, 0x180000000);
    EXPECT_EQ(info.screen.pitch, 4096);
    EXPECT_EQ(info.screen.width, 1024);
    EXPECT_EQ(info.screen.height, 768);
    EXPECT_EQ(info.screen.bits, 32);
    EXPECT(!info.screen.is_text);
}

TEST(a_screen_of_text)
{
    begin_2();
    screen_tag(16, 2);
    EXPECT(parse_2());
    EXPECT(info.screen.is_text);
    EXPECT_EQ(info.screen.memory.v, 0x180000000);
}

TEST(a_screen_with_a_palette_or_half_a_tag_is_none)
{
    begin_2();
    screen_tag(8, 0);
    tag(8, (uint32_t[]){0x80000000, 0, 4096, 1024, 768}, 5, NULL);
    EXPECT(parse_2());
    EXPECT_EQ(info.screen.memory.v, 0);
}

/* --- multiboot 1 --- */

static bool parse_1(const char *loader, const char *ours, const char *kernel)
{
    uint32_t words[17] = {0};
    uint32_t module[4] = {0x1000000, 0x1001000, 0, 0};
    uint32_t range[6] = {20, 0, 0, 0x40000000, 0, 1};

    fake_start(NULL);
    end = AT + 0x100;
    module[2] = put_text(kernel);
    words[0] = 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9;
    words[4] = put_text(ours);
    words[5] = 1;
    words[6] = put(module, sizeof(module));
    words[11] = sizeof(range);
    words[12] = put(range, sizeof(range));
    words[16] = put_text(loader);
    memcpy(memory(AT), words, sizeof(words));
    return multiboot_parse(MB1_MAGIC, PADDR(AT), &info);
}

TEST(qemu_has_the_files_in_front)
{
    EXPECT(parse_1("qemu", "podium noreboot", "vmlinuz console=hvc0"));
    EXPECT_TEXT(info.command_line, "noreboot");
    EXPECT_TEXT(info.modules[0].command_line, "console=hvc0");
    EXPECT_EQ(info.modules[0].size, 0x1000);
    EXPECT_EQ(info.ranges[0].size, 0x40000000);
}

TEST(grub_has_not)
{
    EXPECT(parse_1("GRUB 2.06", "noreboot", "console=hvc0 quiet"));
    EXPECT_TEXT(info.command_line, "noreboot");
    EXPECT_TEXT(info.modules[0].command_line, "console=hvc0 quiet");
    EXPECT(parse_1("GRUB 2.06", "/podium noreboot", "/vmlinuz quiet"));
    EXPECT_TEXT(info.command_line, "noreboot");
    EXPECT_TEXT(info.modules[0].command_line, "quiet");
}

TEST(another_loader_is_refused)
{
    fake_start(NULL);
    EXPECT(!multiboot_parse(0x12345678, PADDR(AT), &info));
}
