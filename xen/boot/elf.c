/* SPDX-License-Identifier: MIT */
/*
 * The two widths of ELF differ in where fields lie, not in what they mean, so
 * program headers of both are widened into one struct first. Numbers are read
 * by memcpy, as nothing says that they are aligned.
 */
#include "boot/elf.h"

#include "lib/string.h"
#include "types/bits.h"
#include "types/overflow.h"

#include <xen/elfnote.h>

enum {
    CLASS_32 = 1,
    CLASS_64 = 2,
    DATA_LITTLE = 1,
    TYPE_EXEC = 2,
    TYPE_DYN = 3,
    MACHINE_386 = 3,
    MACHINE_X86_64 = 62,
    SEGMENT_LOAD = 1,
    SEGMENT_NOTE = 4,
};

/* The ELF headers, as the System V ABI lays them out. */
struct ident {
    uint8_t magic[4];
    uint8_t class, data, version, pad[9];
    uint16_t type, machine;
};

struct header_32 {
    struct ident ident;
    uint32_t version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum;
};

struct header_64 {
    struct ident ident;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum;
};

struct program_32 {
    uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

struct program_64 {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct note_header {
    uint32_t name_size, desc_size, type;
};

BUILD_ASSERT(sizeof(struct ident) == 20, "ELF layout");
BUILD_ASSERT(sizeof(struct header_32) == 48, "ELF layout, padded from 46");
BUILD_ASSERT(sizeof(struct header_64) == 64, "ELF layout, padded from 58");
BUILD_ASSERT(sizeof(struct program_32) == 32, "ELF layout");
BUILD_ASSERT(sizeof(struct program_64) == 56, "ELF layout");

/* The file, and where its program headers are. */
struct file {
    const uint8_t *bytes;
    size_t size;
    bool wide;
    uint64_t program_offset;
    unsigned program_size, program_count;
};

/* Copy `size` bytes at `offset`; false: not all of them are in the file. */
static bool file_read(const struct file *f, uint64_t offset, void *to,
                      size_t size)
{
    if (range_exceeds(offset, size, f->size)) {
        return false;
    }
    memcpy(to, f->bytes + offset, size);
    return true;
}

static const char *check_ident(const struct ident *id)
{
    if (memcmp(id->magic, "\177ELF", 4) != 0) {
        return "neither a bzImage nor an ELF file";
    }
    if (id->data != DATA_LITTLE ||
        (id->class != CLASS_32 && id->class != CLASS_64)) {
        return "an ELF file, but of another byte order or width";
    }
    if (id->machine != MACHINE_386 && id->machine != MACHINE_X86_64) {
        return "an ELF file for another processor";
    }
    if (id->type != TYPE_EXEC && id->type != TYPE_DYN) {
        return "an ELF file that is not executable";
    }
    return NULL;
}

static const char *read_header(struct file *f)
{
    static const char *const cut = "the ELF header is cut off";
    struct header_64 wide;
    struct header_32 narrow;
    struct ident id;
    const char *wrong;

    if (!file_read(f, 0, &id, sizeof(id))) {
        return cut;
    }
    wrong = check_ident(&id);
    if (wrong) {
        return wrong;
    }
    f->wide = id.class == CLASS_64;
    if (f->wide) {
        if (!file_read(f, 0, &wide, sizeof(wide))) {
            return cut;
        }
        f->program_offset = wide.phoff;
        f->program_size = wide.phentsize;
        f->program_count = wide.phnum;
    } else {
        if (!file_read(f, 0, &narrow, sizeof(narrow))) {
            return cut;
        }
        f->program_offset = narrow.phoff;
        f->program_size = narrow.phentsize;
        f->program_count = narrow.phnum;
    }
    if (f->program_size <
        (f->wide ? sizeof(struct program_64) : sizeof(struct program_32))) {
        return "the ELF program headers are too short";
    }
    return NULL;
}

/* Program header `index`, widened. */
static bool read_program(const struct file *f, unsigned index,
                         struct program_64 *out)
{
    uint64_t offset;
    struct program_32 p;

    if (add_overflows(f->program_offset, (uint64_t)index * f->program_size,
                      &offset)) {
        return false;
    }
    if (f->wide) {
        return file_read(f, offset, out, sizeof(*out));
    }
    if (!file_read(f, offset, &p, sizeof(p))) {
        return false;
    }
    *out = (struct program_64){
        .type = p.type,
        .flags = p.flags,
        .offset = p.offset,
        .vaddr = p.vaddr,
        .paddr = p.paddr,
        .filesz = p.filesz,
        .memsz = p.memsz,
        .align = p.align,
    };
    return true;
}

static const char *add_segment(const struct file *f, const struct program_64 *p,
                               struct elf_kernel *out)
{
    uint64_t end;

    if (p->memsz == 0) {
        return NULL;
    }
    if (out->segment_count == ELF_SEGMENT_LIMIT) {
        return "more ELF segments than we know how to load";
    }
    if (range_exceeds(p->offset, p->filesz, f->size)) {
        return "an ELF segment reaches beyond the end of the file";
    }
    if (p->filesz > p->memsz || add_overflows(p->paddr, p->memsz, &end)) {
        return "an ELF segment has impossible sizes";
    }
    out->segments[out->segment_count++] = (struct elf_segment){
        .address = p->paddr,
        .memory_size = p->memsz,
        .file_size = p->filesz,
        .bytes = f->bytes + p->offset,
    };
    out->start = MIN(out->start, p->paddr);
    out->end = MAX(out->end, end);
    return NULL;
}

/* The descriptor of the entry note, if this note is it. */
static bool entry_from_note(const struct file *f, const struct note_header *n,
                            uint64_t name, uint64_t desc, uint64_t *entry)
{
    char owner[4];

    if (n->type != XEN_ELFNOTE_PHYS32_ENTRY || n->name_size != sizeof(owner) ||
        !file_read(f, name, owner, sizeof(owner)) ||
        memcmp(owner, "Xen", sizeof(owner)) != 0) {
        return false;
    }
    *entry = 0;
    return (n->desc_size == 4 || n->desc_size == 8) &&
           file_read(f, desc, entry, n->desc_size);
}

/* Go through the notes of one segment. Sizes are 32 bits wide and offsets lie
 * within the file, so that the sums below cannot overflow. */
static bool find_entry(const struct file *f, const struct program_64 *p,
                       uint64_t *entry)
{
    uint64_t at = p->offset, end = p->offset + p->filesz;
    struct note_header n;

    if (range_exceeds(p->offset, p->filesz, f->size)) {
        return false;
    }
    while (at < end && file_read(f, at, &n, sizeof(n))) {
        uint64_t name = at + sizeof(n);
        uint64_t desc = name + ROUND_UP((uint64_t)n.name_size, 4ULL);

        if (entry_from_note(f, &n, name, desc, entry)) {
            return true;
        }
        at = desc + ROUND_UP((uint64_t)n.desc_size, 4ULL);
    }
    return false;
}

const char *elf_read_kernel(const void *image, size_t size,
                            struct elf_kernel *out)
{
    struct file f = {.bytes = image, .size = size};
    bool has_entry = false;
    const char *wrong = read_header(&f);

    *out = (struct elf_kernel){.start = ~0ULL};
    for (unsigned i = 0; !wrong && i < f.program_count; i++) {
        struct program_64 p;

        if (!read_program(&f, i, &p)) {
            return "the ELF program headers are cut off";
        }
        if (p.type == SEGMENT_LOAD) {
            wrong = add_segment(&f, &p, out);
        } else if (p.type == SEGMENT_NOTE && !has_entry) {
            has_entry = find_entry(&f, &p, &out->entry);
        }
    }
    if (wrong) {
        return wrong;
    }
    if (!has_entry) {
        return "it has no PVH entry point (Xen ELF note 18; Linux has one with "
               "CONFIG_PVH)";
    }
    if (out->segment_count == 0 || out->entry < out->start ||
        out->entry >= out->end) {
        return "the PVH entry point lies outside what is loaded";
    }
    return NULL;
}
