/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_DUMP_HEAD_H
#define LIBXC_DUMP_HEAD_H
/*
 * What stands in a dump beside the guest's pages: notes about the host and the
 * guest, and the registers of its vCPUs. Layouts are those of the dump-core
 * format, version 0.1.
 */
#include <stdint.h>

#include <xen/version.h>
#include <xen/xen.h>

#define DUMP_NOTE_NAME "Xen"

/* A note of ELF's, with a name of four bytes; followed by its description. */
struct dump_note {
    uint32_t name_size, size, type;
    char name[sizeof(DUMP_NOTE_NAME)];
};

/* All of them, one behind the other. */
struct dump_notes {
    struct dump_note none; /* says what the file is */
    struct dump_note header;
    struct {
        uint64_t magic, vcpu_count, page_count, page_size;
    } about;
    struct dump_note version;
    struct {
        uint64_t major, minor;
        xen_extraversion_t extra;
        xen_compile_info_t compile;
        xen_capabilities_info_t capabilities;
        xen_changeset_info_t changeset;
        xen_platform_parameters_t platform;
        uint64_t page_size;
    } host;
    struct dump_note format;
    uint64_t format_version;
};

struct xc;

void dump_notes_fill(struct xc *xc, uint32_t vcpu_count, uint64_t page_count,
                     struct dump_notes *notes);

/* The registers of all vCPUs that a domain has: free(*vcpus). 0 or -errno. */
int dump_vcpus(struct xc *xc, uint32_t domid, vcpu_guest_context_t **vcpus,
               uint32_t *count);

#endif
