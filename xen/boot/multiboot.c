/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1 and 2 (the GNU specifications, section 3). QEMU puts the file's
 * name in front of each command line. GRUB 2 does not, but its menu entries may
 * have one there, as GRUB 1 wanted it; Debian's entries for Xen have the word
 * "placeholder", since an older Xen drops the first word. The loader is trusted
 * with where things are; lengths are checked against the list that they are in,
 * so that a wrong one ends the list.
 *
 * Under UEFI there may be two memory maps. The ordinary one counts, since it is
 * what GRUB's badram and cutmem change; EFI's own is read if there is no other.
 * The loader has ended EFI's boot services, so what they used is RAM in both.
 */
#include "arch/hostmap.h"
#include "boot/boot_info.h"
#include "lib/string.h"
#include "types/bits.h"
#include "types/check.h"

#define MB1_MAGIC        0x2BADB002
#define MB2_MAGIC        0x36D76289
#define MB1_COMMAND_LINE BIT(2)
#define MB1_MODULES      BIT(3)
#define MB1_MEMORY_MAP   BIT(6)
#define MB1_LOADER_NAME  BIT(9)

struct mb1_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, command_line;
    uint32_t module_count, modules, symbols[4];
    uint32_t map_length, map, drives_length, drives, config, loader_name;
};

struct mb1_module {
    uint32_t start, end, string, reserved;
};

struct mb1_range {
    uint32_t size; /* of what follows */
    uint64_t start, length;
    uint32_t type;
} __attribute__((packed));

#define MB1_RANGE_SIZE (sizeof(struct mb1_range) - sizeof(uint32_t))

struct mb2_tag {
    uint32_t type, size;
};

enum {
    MB2_COMMAND_LINE = 1,
    MB2_MODULE = 3,
    MB2_MEMORY_MAP = 6,
    MB2_SCREEN = 8,
    MB2_EFI32_TABLE = 11,
    MB2_EFI64_TABLE = 12,
    MB2_RSDP_OLD = 14,
    MB2_RSDP_NEW = 15,
    MB2_EFI_MAP = 17,
    MB2_EFI32_IMAGE = 19,
    MB2_EFI64_IMAGE = 20,
};

struct mb2_screen {
    struct mb2_tag tag;
    uint64_t memory;
    uint32_t pitch, width, height;
    uint8_t bits, type;
} __attribute__((packed));

enum {
    SCREEN_POINTS = 1, /* in colours, of which each has bits of its own */
    SCREEN_TEXT = 2,
};

/* The UEFI specification, GetMemoryMap(). Entries may be longer than this. */
struct efi_range {
    uint32_t type, padding;
    uint64_t start, virtual_start, pages, attributes;
};

/* E820's word for each type of EFI's; what is not here is reserved. */
static const uint8_t efi_types[] = {
    [1] = BOOT_RAM,  [2] = BOOT_RAM, /* the loader's code and data */
    [3] = BOOT_RAM,  [4] = BOOT_RAM, /* the boot services' */
    [7] = BOOT_RAM,                  /* nobody's */
    [9] = BOOT_ACPI, [10] = BOOT_NVS,
};

static const void *at(uint64_t address)
{
    return (const char *)arch_map(MFN(address >> PAGE_SHIFT)) +
           (address & (PAGE_SIZE - 1));
}

static const char *skip_word(const char *s)
{
    while (*s == ' ') {
        s++;
    }
    while (*s && *s != ' ') {
        s++;
    }
    while (*s == ' ') {
        s++;
    }
    return s;
}

static bool first_word_is(const char *s, const char *word)
{
    size_t length = strlen(word);

    return strncmp(s, word, length) == 0 && (!s[length] || s[length] == ' ');
}

/* `line` without what comes before the arguments. No argument begins with a
 * slash or a bracket, as paths and GRUB's paths do. */
static const char *arguments_of(const char *line, bool named)
{
    const char *s = named ? skip_word(line) : line;

    while (*s == ' ') {
        s++;
    }
    if (*s == '/' || *s == '(' || first_word_is(s, "placeholder")) {
        s = skip_word(s);
    }
    return s;
}

/* Neighbours of one type become one: EFI's maps are long. */
static void add_range(struct boot_info *info, uint64_t start, uint64_t size,
                      uint32_t type)
{
    struct boot_range *last =
        info->range_count ? &info->ranges[info->range_count - 1] : NULL;

    if (last && last->type == type && last->start.v + last->size == start) {
        last->size += size;
    } else if (info->range_count < BOOT_RANGE_LIMIT) {
        info->ranges[info->range_count++] =
            (struct boot_range){PADDR(start), size, type};
    }
}

static void add_module(struct boot_info *info, uint64_t start, uint64_t end,
                       const char *string)
{
    struct boot_module *m;

    if (info->module_count == BOOT_MODULE_LIMIT || end < start) {
        return;
    }
    m = &info->modules[info->module_count++];
    m->start = PADDR(start);
    m->size = end - start;
    string_copy(m->command_line, string, sizeof(m->command_line));
}

static bool names_come_first(const struct mb1_info *mb)
{
    return (mb->flags & MB1_LOADER_NAME) &&
           strncmp(at(mb->loader_name), "qemu", 4) == 0;
}

static bool parse_1(const struct mb1_info *mb, struct boot_info *info)
{
    bool named = names_come_first(mb);

    if (mb->flags & MB1_COMMAND_LINE) {
        string_copy(info->command_line,
                    arguments_of(at(mb->command_line), named),
                    sizeof(info->command_line));
    }
    for (uint32_t i = 0; (mb->flags & MB1_MODULES) &&
                         i < MIN(mb->module_count, BOOT_MODULE_LIMIT);
         i++) {
        struct mb1_module m; /* a copy: it may lie at any address */
        const char *s;

        memcpy(&m, at(mb->modules + (uint64_t)i * sizeof(m)), sizeof(m));
        s = m.string ? at(m.string) : "";
        add_module(info, m.start, m.end, arguments_of(s, named));
    }
    if (!(mb->flags & MB1_MEMORY_MAP)) {
        return false;
    }
    for (uint64_t p = mb->map; p < (uint64_t)mb->map + mb->map_length;) {
        const struct mb1_range *r = at(p);

        if (r->size < MB1_RANGE_SIZE || info->range_count == BOOT_RANGE_LIMIT) {
            break;
        }
        add_range(info, r->start, r->length, r->type);
        p += r->size + sizeof(r->size);
    }
    return info->range_count > 0;
}

static void parse_map_2(const struct mb2_tag *tag, struct boot_info *info)
{
    const uint32_t *words = (const uint32_t *)tag;
    uint32_t entry_size = words[2];
    const char *p = (const char *)tag + 16;
    const char *end = (const char *)tag + tag->size;

    for (; entry_size >= 20 && entry_size <= (uint64_t)(end - p) &&
           info->range_count < BOOT_RANGE_LIMIT;
         p += entry_size) {
        uint64_t start, length;
        uint32_t type;

        memcpy(&start, p, 8);
        memcpy(&length, p + 8, 8);
        memcpy(&type, p + 16, 4);
        add_range(info, start, length, type);
    }
}

static void parse_efi_map(const struct mb2_tag *tag, struct boot_info *info)
{
    const uint32_t *words = (const uint32_t *)tag;
    uint32_t entry_size = words[2];
    const char *p = (const char *)tag + 16;
    const char *end = (const char *)tag + tag->size;

    for (; entry_size >= sizeof(struct efi_range) &&
           entry_size <= (uint64_t)(end - p);
         p += entry_size) {
        struct efi_range r;
        uint32_t type = BOOT_RESERVED;

        memcpy(&r, p, sizeof(r));
        if (r.type < ARRAY_COUNT(efi_types) && efi_types[r.type]) {
            type = efi_types[r.type];
        }
        if (r.pages && r.pages <= (~r.start >> PAGE_SHIFT)) {
            add_range(info, r.start, r.pages << PAGE_SHIFT, type);
        }
    }
}

static void set_screen(const struct mb2_tag *tag, struct boot_info *info)
{
    struct mb2_screen s;

    memcpy(&s, tag, sizeof(s));
    if (s.type == SCREEN_POINTS || s.type == SCREEN_TEXT) {
        info->screen = (struct screen_mode){
            .memory = PADDR(s.memory),
            .pitch = s.pitch,
            .width = s.width,
            .height = s.height,
            .bits = s.bits,
            .is_text = s.type == SCREEN_TEXT,
        };
    }
}

static void set_rsdp(const struct mb2_tag *tag, struct boot_info *info)
{
    memset(info->rsdp, 0, sizeof(info->rsdp));
    memcpy(info->rsdp, tag + 1,
           MIN(tag->size - sizeof(*tag), sizeof(info->rsdp)));
    info->has_rsdp = true;
}

/* A tag is at least as long as its type wants, else it is passed over. */
static void parse_tag_2(const struct mb2_tag *tag, struct boot_info *info,
                        const struct mb2_tag **efi_map)
{
    const uint32_t *words = (const uint32_t *)tag;

    switch (tag->type) {
    case MB2_COMMAND_LINE:
        string_copy(info->command_line,
                    arguments_of((const char *)(tag + 1), false),
                    sizeof(info->command_line));
        break;
    case MB2_MODULE:
        if (tag->size > 16) {
            add_module(info, words[2], words[3],
                       arguments_of((const char *)(words + 4), false));
        }
        break;
    case MB2_MEMORY_MAP:
        if (tag->size >= 16) {
            parse_map_2(tag, info);
        }
        break;
    case MB2_SCREEN:
        if (tag->size >= sizeof(struct mb2_screen)) {
            set_screen(tag, info);
        }
        break;
    case MB2_RSDP_OLD: /* with both the new one counts, which has 64 bits */
        if (!info->has_rsdp) {
            set_rsdp(tag, info);
        }
        break;
    case MB2_RSDP_NEW:
        set_rsdp(tag, info);
        break;
    case MB2_EFI_MAP:
        *efi_map = tag->size >= 16 ? tag : NULL;
        info->from_efi = true;
        break;
    case MB2_EFI32_TABLE:
    case MB2_EFI64_TABLE:
    case MB2_EFI32_IMAGE:
    case MB2_EFI64_IMAGE:
        info->from_efi = true;
        break;
    default:
        break;
    }
}

static bool parse_2(const char *base, struct boot_info *info)
{
    const struct mb2_tag *efi_map = NULL;
    uint64_t at_byte = 8;
    uint32_t total;

    memcpy(&total, base, sizeof(total));
    while (at_byte + sizeof(struct mb2_tag) <= total) {
        const struct mb2_tag *tag =
            (const struct mb2_tag *)(const void *)(base + at_byte);

        if (tag->type == 0 || tag->size < sizeof(*tag) ||
            tag->size > total - at_byte) {
            break;
        }
        parse_tag_2(tag, info, &efi_map);
        at_byte += ROUND_UP((uint64_t)tag->size, 8ULL);
    }
    if (!info->range_count && efi_map) {
        parse_efi_map(efi_map, info);
    }
    return info->range_count > 0;
}

bool multiboot_parse(uint32_t magic, paddr_t information,
                     struct boot_info *info)
{
    memset(info, 0, sizeof(*info));
    if (magic == MB1_MAGIC) {
        return parse_1(at(information.v), info);
    }
    return magic == MB2_MAGIC && parse_2(at(information.v), info);
}
