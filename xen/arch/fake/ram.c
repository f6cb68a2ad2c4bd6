/* SPDX-License-Identifier: MIT */
/* Machine RAM: an area of host memory that begins at a frame other than 0, so
 * that frame numbers and offsets are never the same by chance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/fake/internal.h"

#define DIRT 0x5a

static char *ram;
static uint64_t first_mfn, page_count;

void fake_ram_start(uint64_t first, uint64_t count)
{
    if (ram) {
        munmap(ram, page_count * PAGE_SIZE);
    }
    first_mfn = first;
    page_count = count;
    ram = mmap(NULL, count * PAGE_SIZE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ram == MAP_FAILED) {
        perror("mmap of the fake machine's RAM");
        exit(2);
    }
}

uint64_t fake_first_mfn(void)
{
    return first_mfn;
}

uint64_t fake_page_count(void)
{
    return page_count;
}

void fake_dirty_ram(void)
{
    memset(ram, DIRT, page_count * PAGE_SIZE);
}

bool fake_is_ram(mfn_t mfn)
{
    return mfn.v >= first_mfn && mfn.v - first_mfn < page_count;
}

void *arch_map(mfn_t m)
{
    CHECK(fake_is_ram(m));
    return ram + ((m.v - first_mfn) << PAGE_SHIFT);
}

mfn_t arch_unmap(const void *p)
{
    const char *byte = p;

    CHECK(byte >= ram && byte < ram + page_count * PAGE_SIZE);
    return MFN(first_mfn + ((uint64_t)(byte - ram) >> PAGE_SHIFT));
}

void arch_page_clear(void *page)
{
    CHECK((uintptr_t)page % PAGE_SIZE == 0);
    /* What nobody wrote to yet costs the host nothing, and stays so. */
    if (!arch_page_is_zero(page)) {
        memset(page, 0, PAGE_SIZE);
    }
}

void arch_page_copy(void *to, const void *from)
{
    CHECK((uintptr_t)to % PAGE_SIZE == 0 && (uintptr_t)from % PAGE_SIZE == 0);
    memcpy(to, from, PAGE_SIZE);
}

bool arch_page_is_zero(const void *page)
{
    const uint64_t *word = page;

    for (size_t i = 0; i < PAGE_SIZE / sizeof(*word); i++) {
        if (word[i]) {
            return false;
        }
    }
    return true;
}
