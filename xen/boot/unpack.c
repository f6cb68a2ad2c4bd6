/* SPDX-License-Identifier: MIT */
/*
 * Memory is taken in two pieces: one for the kernel, as large as the file says
 * but within a limit, and one for the work, which is free again at the end:
 * the decoder's stack, and the arena behind it. Only xz wants a large one.
 */
#include "boot/unpack.h"

#include "arch/foreign.h"
#include "arch/hostmap.h"
#include "arch/timer.h"
#include "base/console.h"
#include "boot/bzimage.h"
#include "boot/decoders.h"
#include "lib/printf.h"
#include "mm/boot_alloc.h"
#include "types/bits.h"

#define KERNEL_LIMIT  (512UL << 20)
#define DECODER_STACK (64UL << 10) /* 1,600 bytes are used */
#define KIB(bytes)    ((unsigned long)((bytes) >> 10))

/* Pages, or with a count of 0 none. */
struct piece {
    mfn_t first;
    uint64_t count;
};

struct job {
    const struct decoder *decoder;
    struct packed in;
    struct arena arena;
    uint8_t *out;
    size_t size;
    uint64_t work_size; /* of decoder_work() */
    bool good;          /* of decoder_run() */
};

static char reason[160];

static bool piece_take(struct piece *p, uint64_t size)
{
    p->count = DIV_ROUND_UP(size, PAGE_SIZE);
    if (!boot_alloc_try(p->count, &p->first)) {
        p->count = 0;
    }
    return p->count;
}

static void piece_give(const struct piece *p)
{
    if (p->count) {
        boot_alloc_free(p->first, p->count);
    }
}

static void foreign_work(void *context)
{
    struct job *job = context;

    job->work_size = decoder_work(job->decoder, job->in, &job->arena);
}

static void foreign_run(void *context)
{
    struct job *job = context;

    job->good =
        decoder_run(job->decoder, job->in, job->out, job->size, &job->arena);
}

/* With a stack and an arena of `work` bytes. False: no memory. */
static bool call(struct job *job, void (*fn)(void *), uint64_t work)
{
    struct piece p;
    uint8_t *stack;

    if (!piece_take(&p, DECODER_STACK + work)) {
        return false;
    }
    stack = arch_map(p.first);
    job->arena = (struct arena){.bytes = stack + DECODER_STACK, .size = work};
    arch_call_foreign(fn, job, stack, DECODER_STACK);
    piece_give(&p);
    return true;
}

static const char *no_memory(const struct job *job)
{
    format_text(reason, sizeof(reason),
                "there is no memory to unpack it: %lu KiB for the kernel and "
                "%lu KiB to work in",
                KIB(job->size), KIB(job->work_size + DECODER_STACK));
    return reason;
}

static const char *damaged(const char *format, size_t size)
{
    format_text(reason, sizeof(reason),
                "the file is damaged: its %s payload does not unpack to %lu "
                "bytes",
                format, (unsigned long)size);
    return reason;
}

static const char *unpack(struct job *job, const char *format)
{
    job->work_size = DECODER_WORK_MIN;
    if (!call(job, foreign_work, DECODER_WORK_MIN)) {
        return no_memory(job);
    }
    if (!job->work_size) {
        return damaged(format, job->size);
    }
    if (!call(job, foreign_run, job->work_size)) {
        return no_memory(job);
    }
    return job->good ? NULL : damaged(format, job->size);
}

static const char *find(const void *file, size_t size, struct job *job,
                        const char **format)
{
    struct bzimage b;
    const char *wrong = bzimage_read(file, size, &b);

    if (wrong) {
        return wrong;
    }
    *job = (struct job){.in = {b.payload, b.size}, .size = b.unpacked_size};
    job->decoder = decoder_find(job->in, format);
    if (!job->decoder) {
        format_text(reason, sizeof(reason),
                    "it is packed with %s; gzip, xz, zstd and lz4 are known",
                    *format);
        return reason;
    }
    if (!job->size || job->size > KERNEL_LIMIT) {
        return damaged(*format, job->size);
    }
    return NULL;
}

static void say_unpacked(const struct job *job, const char *format,
                         uint64_t since)
{
    log_line(LOG_INFO,
             "d0: kernel unpacked (%s): %lu KiB from %lu KiB, with %lu KiB to "
             "work in, %lu ms",
             format, KIB(job->size), KIB(job->in.size),
             KIB(job->work_size + DECODER_STACK),
             (unsigned long)((arch_time_ns() - since) / 1000000));
}

const char *kernel_unpack(const void *file, size_t size,
                          struct unpacked_kernel *out)
{
    uint64_t start = arch_time_ns();
    const char *format, *wrong;
    struct piece kernel;
    struct job job;

    *out = (struct unpacked_kernel){.image = file, .size = size};
    if (!bzimage_is(file, size)) {
        return NULL;
    }
    wrong = find(file, size, &job, &format);
    if (wrong) {
        return wrong;
    }
    if (!piece_take(&kernel, job.size)) {
        return no_memory(&job);
    }
    job.out = arch_map(kernel.first);
    log_line(LOG_INFO, "d0: unpacking the kernel (%s)", format);
    wrong = unpack(&job, format);
    if (wrong) {
        piece_give(&kernel);
        return wrong;
    }
    say_unpacked(&job, format, start);
    *out = (struct unpacked_kernel){
        .image = job.out,
        .size = job.size,
        .memory = paddr_from_mfn(kernel.first),
        .memory_size = kernel.count * PAGE_SIZE,
    };
    return NULL;
}
