/* SPDX-License-Identifier: MIT */
/* Kernel files as the hypervisor reads the first domain's: ELF only. */
#include "fuzz.h"

#include <stdlib.h>

#include "boot/elf.h"
#include "unit.h"

static void look_at(const struct elf_kernel *k, const uint8_t *file,
                    size_t size)
{
    EXPECT(k->segment_count >= 1 && k->segment_count <= ELF_SEGMENT_LIMIT);
    EXPECT(k->entry >= k->start && k->entry < k->end);
    for (unsigned i = 0; i < k->segment_count; i++) {
        const struct elf_segment *s = &k->segments[i];
        const uint8_t *bytes = s->bytes;

        EXPECT(s->memory_size && s->file_size <= s->memory_size);
        EXPECT(s->address >= k->start);
        EXPECT(s->address <= k->end && s->memory_size <= k->end - s->address);
        EXPECT(bytes >= file && bytes <= file + size);
        EXPECT(s->file_size <= (size_t)(file + size - bytes));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *file = malloc(size + !size); /* exactly: the end is watched */
    struct elf_kernel kernel;

    EXPECT(file);
    memcpy(file, data, size);
    if (!elf_read_kernel(file, size, &kernel)) {
        look_at(&kernel, file, size);
    }
    free(file);
    return 0;
}
