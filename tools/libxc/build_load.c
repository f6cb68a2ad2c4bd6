/* SPDX-License-Identifier: MIT */
/*
 * What a new guest finds in its memory. Everything is written through foreign
 * mappings; where memory is only promised, that takes pages out of the cache.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <xen/memory.h>

#include "libxc/acpi.h"
#include "libxc/build.h"
#include "libxc/foreign.h"
#include "libxc/handle.h"
#include "libxc/transport.h"

#define LOAD_STEP (4u << 20)

/* What "loading ..." has come to; what == NULL: not worth reporting. */
struct loading {
    const char *what;
    uint64_t done, total;
};

/* Bytes to a guest address, in steps, with progress. */
static int load(struct build *b, struct loading *progress, uint64_t gpa,
                const uint8_t *data, uint64_t size)
{
    while (size) {
        uint64_t step = LOAD_STEP - gpa % LOAD_STEP;
        int rc;

        step = step < size ? step : size;
        rc = foreign_load(b->xc, b->domid, gpa, data, step);
        if (rc) {
            return rc;
        }
        gpa += step;
        data += step;
        size -= step;
        progress->done += step;
        if (progress->what) {
            xc_report(b->xc, progress->what, progress->done, progress->total);
        }
    }
    return 0;
}

static int load_quietly(struct build *b, uint64_t gpa, const void *data,
                        uint64_t size)
{
    struct loading progress = {0};

    return load(b, &progress, gpa, data, size);
}

static int load_kernel(struct build *b)
{
    struct loading progress = {.what = "loading kernel"};

    for (unsigned int i = 0; i < b->image.segment_count; i++) {
        progress.total += b->image.segments[i].file_size;
    }
    for (unsigned int i = 0; i < b->image.segment_count; i++) {
        const struct image_segment *s = &b->image.segments[i];
        int rc = load(b, &progress, s->paddr, s->data, s->file_size);

        if (rc) {
            return rc;
        }
    }
    return 0;
}

static int load_ramdisk(struct build *b)
{
    struct loading progress = {.what = "loading ramdisk",
                               .total = b->ramdisk.size};

    return load(b, &progress, b->layout.ramdisk, b->ramdisk.data,
                b->ramdisk.size);
}

static int load_start_info(struct build *b)
{
    uint8_t *bytes = NULL;
    int rc = layout_start_info(b->xc, &b->layout, b->cfg->cmdline, &bytes);

    if (!rc) {
        rc = load_quietly(b, b->layout.start_info, bytes,
                          b->layout.start_info_size);
    }
    free(bytes);
    return rc;
}

static int load_acpi(struct build *b)
{
    struct acpi_config config = {
        .address = LAYOUT_ACPI_GFN * PAGE_BYTES,
        .vcpus = b->cfg->vcpus,
        .vcpus_max = b->vcpus_max,
    };
    uint8_t page[ACPI_BYTES_MAX];
    size_t size = acpi_build(&config, page);

    return load_quietly(b, config.address, page, size);
}

/*
 * A processor that cannot run a guest with paging off runs it on this table
 * instead: 4 GiB mapped to itself in 4 MiB pages.
 */
static int load_identity_map(struct build *b)
{
    uint32_t entries[PAGE_BYTES / sizeof(uint32_t)];

    for (uint32_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        entries[i] = i << 22 | 0xe7; /* 4 MiB, used, user, writable */
    }
    return load_quietly(b, layout_special_gfn(SPECIAL_IDENT_PT) * PAGE_BYTES,
                        entries, sizeof(entries));
}

/* What XENMEM_memory_map tells the guest, the same as its start info. */
static int set_memory_map(struct build *b)
{
    struct __attribute__((packed)) {
        uint64_t address, size;
        uint32_t type;
    } * map;
    struct xen_foreign_memory_map arg = {.domid = (domid_t)b->domid};
    int rc;

    map = hv_alloc(b->xc, b->layout.map_count * sizeof(*map));
    if (!map) {
        return xc_fail_errno(b->xc, -ENOMEM, "cannot set the memory map");
    }
    for (unsigned int i = 0; i < b->layout.map_count; i++) {
        map[i].address = b->layout.map[i].address;
        map[i].size = b->layout.map[i].size;
        map[i].type = b->layout.map[i].type;
    }
    arg.map.nr_entries = b->layout.map_count;
    set_xen_guest_handle(arg.map.buffer, map);
    rc = hv_memory(b->xc, XENMEM_set_memory_map, &arg, sizeof(arg));
    hv_free(b->xc, map);
    return rc < 0 ? xc_fail_errno(b->xc, rc, "cannot set the memory map") : 0;
}

int build_load(struct build *b)
{
    int rc = load_kernel(b);

    if (!rc) {
        rc = load_start_info(b);
    }
    if (!rc) {
        rc = load_ramdisk(b);
    }
    if (!rc) {
        rc = load_acpi(b);
    }
    if (!rc) {
        rc = load_identity_map(b);
    }
    if (!rc) {
        rc = set_memory_map(b);
    }
    return rc;
}
