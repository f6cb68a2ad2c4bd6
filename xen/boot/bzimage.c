/* SPDX-License-Identifier: MIT */
/*
 * The header lies at fixed places of the setup code (Linux's boot protocol;
 * 2.08 is the first version that says where the payload is). The payload ends
 * with its unpacked size in four bytes.
 */
#include "boot/bzimage.h"

#include "lib/string.h"
#include "types/overflow.h"

enum {
    SETUP_SECTORS = 0x1f1, /* besides the boot sector */
    BOOT_FLAG = 0x1fe,
    HEADER_MAGIC = 0x202,
    VERSION = 0x206,
    PAYLOAD_OFFSET = 0x248, /* from the end of the setup code */
    PAYLOAD_LENGTH = 0x24c,
    HEADER_END = 0x250,
    VERSION_MIN = 0x208,
    SECTORS_DEFAULT = 4, /* what 0 stands for */
    SECTOR_SIZE = 512,
    TRAILER_SIZE = 4,
};

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}

bool bzimage_is(const void *image, size_t size)
{
    const uint8_t *head = image;

    return size >= HEADER_END && get16(head + BOOT_FLAG) == 0xaa55 &&
           memcmp(head + HEADER_MAGIC, "HdrS", 4) == 0;
}

const char *bzimage_read(const void *image, size_t size, struct bzimage *out)
{
    const uint8_t *head = image;
    uint64_t start, length;

    if (!bzimage_is(image, size)) {
        return "not a bzImage";
    }
    if (get16(head + VERSION) < VERSION_MIN) {
        return "too old: its boot protocol is below 2.08";
    }
    start = head[SETUP_SECTORS] ? head[SETUP_SECTORS] : SECTORS_DEFAULT;
    start = (start + 1) * SECTOR_SIZE + get32(head + PAYLOAD_OFFSET);
    length = get32(head + PAYLOAD_LENGTH);
    if (range_exceeds(start, length, size)) {
        return "the file is damaged: it ends before its payload does";
    }
    if (length <= TRAILER_SIZE) {
        return "the file is damaged: it has no payload";
    }
    *out = (struct bzimage){
        .payload = head + start,
        .size = length,
        .unpacked_size = get32(head + start + length - TRAILER_SIZE),
    };
    return NULL;
}
