/* SPDX-License-Identifier: MIT */
/*
 * What a boot loader says, by multiboot 1 or 2 (the first byte). A loader is
 * trusted with where things are, but not with lengths: none of them may keep
 * us in a loop or lead beyond our own buffers.
 */
#include "memory4g.h"

#include "boot/boot_info.h"
#include "unit.h"

#define AT 0x10000u

static void look_at(const struct boot_info *info)
{
    EXPECT(info->module_count <= BOOT_MODULE_LIMIT);
    EXPECT(info->range_count <= BOOT_RANGE_LIMIT);
    EXPECT(memchr(info->command_line, 0, sizeof(info->command_line)));
    for (unsigned i = 0; i < info->module_count; i++) {
        const struct boot_module *m = &info->modules[i];

        EXPECT(m->start.v + m->size <= MEMORY4G_LIMIT);
        EXPECT(memchr(m->command_line, 0, sizeof(m->command_line)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct boot_info info;

    if (!size) {
        return 0;
    }
    memory4g_fill(AT, data + 1, size - 1);
    if (multiboot_parse(data[0] & 1 ? 0x2BADB002 : 0x36D76289, (paddr_t){AT},
                        &info)) {
        EXPECT(info.range_count);
    }
    look_at(&info);
    return 0;
}
