/* SPDX-License-Identifier: MIT */
/*
 * Kernel files as dom0's tools read them: ELF, bzImage, and the four formats
 * in which a payload is packed. The first byte says whether the rest is the
 * file, or the payload of a bzImage.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>

#include "kernels.h"
#include "libxc/handle.h"
#include "libxc/image.h"

/* The tools allocate up to 1 GiB because a file says so. Here files are small
 * and so is what may become of them. */
#define UNPACKED_MAX (1u << 16)

static void must(int truth, const char *what)
{
    if (!truth) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}

static void look_at_segment(const struct image *image,
                            const struct image_segment *s, uint64_t after)
{
    const uint8_t *file = image->elf.data;
    volatile uint8_t byte;

    must(s->paddr >= after, "segments ascend and lie apart");
    must(s->mem_size >= s->file_size && s->mem_size > 0, "sizes are possible");
    must(s->paddr + s->mem_size <= 1ull << 32, "all lies below 4 GiB");
    must(s->data >= file &&
             s->file_size <= image->elf.size - (size_t)(s->data - file),
         "a segment's bytes lie in the file");
    for (uint64_t i = 0; i < s->file_size; i++) {
        byte = s->data[i];
    }
    (void)byte;
}

static void look_at(const struct image *image)
{
    uint64_t after = image->start;

    must(image->segment_count >= 1, "there is something to load");
    for (unsigned int i = 0; i < image->segment_count; i++) {
        const struct image_segment *s = &image->segments[i];

        look_at_segment(image, s, after);
        after = s->paddr + s->mem_size;
    }
    must(after <= image->end, "all segments lie in their range");
    must(image->entry >= image->start && image->entry < image->end,
         "the entry point lies in it");
}

/* The last four bytes of a payload are its unpacked size. */
static void bound_unpacked_size(struct file *f)
{
    uint32_t size;

    if (f->size >= sizeof(size)) {
        memcpy(&size, f->data + f->size - sizeof(size), sizeof(size));
        size %= UNPACKED_MAX;
        memcpy(f->data + f->size - sizeof(size), &size, sizeof(size));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct xc xc;
    struct image image;
    struct file f;
    int rc;

    if (!size) {
        return 0;
    }
    f = data[0] & 1 ? bzimage_of(data + 1, size - 1)
                    : file_of(data + 1, size - 1);
    bound_unpacked_size(&f);
    xc.error[0] = '\0';
    rc = image_parse(&xc, &f, &image);
    must(!f.data, "the file is taken over");
    if (rc) {
        must(rc == -ENOEXEC && xc.error[0], "a reason is given");
        must(!image.elf.data, "nothing is left of what failed");
    } else {
        look_at(&image);
        image_free(&image);
    }
    return 0;
}
