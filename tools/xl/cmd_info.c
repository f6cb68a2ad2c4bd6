/* SPDX-License-Identifier: MIT */
/*
 * Commands about the host: info, dmesg, debug-keys.
 *
 * The keys of info and their order are xl's; memory is in MiB.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "cmdtable.h"
#include "domainarg.h"
#include "message.h"
#include "size.h"

static void print_text(const char *key, const char *value)
{
    printf("%-23s: %s\n", key, value);
}

static void print_number(const char *key, uint64_t value)
{
    printf("%-23s: %lu\n", key, (unsigned long)value);
}

static void print_mib(const char *key, uint64_t kib)
{
    print_number(key, kib / KIB_PER_MIB);
}

static void print_dom0(void)
{
    struct utsname names;

    if (uname(&names)) {
        warn("cannot ask domain 0's kernel for its name: %s", strerror(errno));
        return;
    }
    print_text("host", names.nodename);
    print_text("release", names.release);
    print_text("version", names.version);
    print_text("machine", names.machine);
}

static void print_capabilities(const struct xc_host *h)
{
    const uint32_t *w = h->hw_caps;

    printf("%-23s: %08x:%08x:%08x:%08x:%08x:%08x:%08x:%08x\n", "hw_caps", w[0],
           w[1], w[2], w[3], w[4], w[5], w[6], w[7]);
    printf("%-23s:%s%s%s%s%s%s%s%s\n", "virt_caps", h->can_pv ? " pv" : "",
           h->can_hvm ? " hvm" : "",
           h->can_directio && h->can_hvm ? " hvm_directio" : "",
           h->can_directio && h->can_pv ? " pv_directio" : "",
           h->can_hap ? " hap" : "", h->can_shadow ? " shadow" : "",
           h->can_gnttab_v1 ? " gnttab-v1" : "",
           h->can_gnttab_v2 ? " gnttab-v2" : "");
}

/* What is claimed is spoken for, though nobody has it yet. */
static uint64_t free_kib(const struct xc_host *h)
{
    if (h->outstanding_kib > h->free_kib) {
        return 0;
    }
    return h->free_kib - h->outstanding_kib;
}

static void print_host(const struct xc_host *h)
{
    print_number("nr_cpus", h->cpus);
    print_number("max_cpu_id", h->max_cpu_id);
    print_number("nr_nodes", h->nodes);
    print_number("cores_per_socket", h->cores_per_socket);
    print_number("threads_per_core", h->threads_per_core);
    printf("%-23s: %lu.%03lu\n", "cpu_mhz", (unsigned long)(h->cpu_khz / 1000),
           (unsigned long)(h->cpu_khz % 1000));
    print_capabilities(h);
    print_mib("total_memory", h->total_kib);
    print_mib("free_memory", free_kib(h));
    print_mib("freeable_memory", h->freeable_kib);
    print_mib("sharing_freed_memory", h->sharing_freed_kib);
    print_mib("sharing_used_memory", h->sharing_used_kib);
    print_mib("outstanding_claims", h->outstanding_kib);
    print_number("free_cpus", 0);
}

static void print_version(const struct xc_version *v)
{
    print_number("xen_major", v->major);
    print_number("xen_minor", v->minor);
    print_text("xen_extra", v->extra);
    printf("%-23s: %u.%u%s\n", "xen_version", v->major, v->minor, v->extra);
    print_text("xen_caps", v->capabilities);
    print_text("xen_scheduler", v->scheduler);
    print_number("xen_pagesize", v->page_size);
    printf("%-23s: virt_start=0x%lx\n", "platform_params",
           (unsigned long)v->virt_start);
    print_text("xen_changeset", v->changeset);
    print_text("xen_commandline", v->commandline);
    print_text("cc_compiler", v->compiler);
    print_text("cc_compile_by", v->compile_by);
    print_text("cc_compile_domain", v->compile_domain);
    print_text("cc_compile_date", v->compile_date);
    print_text("build_id", v->build_id);
    print_number("xend_config_format", 4);
}

static bool print_cpus(struct xc *xc)
{
    struct xc_cpu *cpus;
    uint32_t count;

    if (xc_host_cpus(xc, &cpus, &count)) {
        failed(xc, "cannot ask the hypervisor about the CPUs");
        return false;
    }
    printf("cpu_topology           :\n");
    printf("cpu:    core    socket     node\n");
    for (uint32_t i = 0; i < count; i++) {
        if (cpus[i].exists) {
            printf("%3u:    %4u     %4u     %4u\n", i, cpus[i].core,
                   cpus[i].socket, cpus[i].node);
        }
    }
    free(cpus);
    return true;
}

static bool print_nodes(struct xc *xc)
{
    struct xc_node *nodes;
    uint32_t count;

    if (xc_host_nodes(xc, &nodes, &count)) {
        failed(xc, "cannot ask the hypervisor about the memory nodes");
        return false;
    }
    printf("numa_info              :\n");
    printf("node:    memsize    memfree    distances\n");
    for (uint32_t i = 0; i < count; i++) {
        printf("%4u:    %6lu     %6lu      %u", i,
               (unsigned long)(nodes[i].size_kib / KIB_PER_MIB),
               (unsigned long)(nodes[i].free_kib / KIB_PER_MIB),
               nodes[i].distance[0]);
        for (uint32_t to = 1; to < count; to++) {
            printf(",%u", nodes[i].distance[to]);
        }
        putchar('\n');
    }
    free(nodes);
    return true;
}

int cmd_info(struct xc *xc, const struct args *args)
{
    struct xc_version version;
    struct xc_host host;

    if (xc_host_info(xc, &host)) {
        return failed(xc, "cannot ask the hypervisor about the host");
    }
    if (xc_version(xc, &version)) {
        return failed(xc, "cannot ask the hypervisor for its version");
    }
    print_dom0();
    print_host(&host);
    if (arg_given(args, 'n') && (!print_cpus(xc) || !print_nodes(xc))) {
        return XL_FAILED;
    }
    print_version(&version);
    return XL_OK;
}

int cmd_dmesg(struct xc *xc, const struct args *args)
{
    size_t size;
    char *text;

    if (xc_console_ring(xc, arg_given(args, 'c'), &text, &size)) {
        return failed(xc, "cannot read the hypervisor's messages");
    }
    fwrite(text, 1, size, stdout);
    free(text);
    return XL_OK;
}

int cmd_debug_keys(struct xc *xc, const struct args *args)
{
    if (xc_debug_keys(xc, args->words[0])) {
        return failed(xc, "cannot send debug keys '%s'", args->words[0]);
    }
    return XL_OK;
}
