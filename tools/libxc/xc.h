/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_XC_H
#define LIBXC_XC_H
/*
 * libxc: everything that dom0's tools do to domains, without hypercalls.
 *
 * UNITS      Amounts of memory are KiB (names end in _kib), always multiples
 *            of 4. Times are nanoseconds (_ns) or milliseconds (_ms).
 * ERRORS     0, or a negative errno value. After a failure xc_error() is one
 *            line that a user can be shown; it does not end in a newline.
 * OWNERSHIP  The caller owns what it passes in and the buffers it supplies.
 *            Results marked "free()" are the caller's to free.
 * HANDLE     One handle per process; not for several threads at once. Nothing
 *            is opened before it is needed, so a command that asks only the
 *            hypervisor works without xenstored. After fork() the child must
 *            open a handle of its own (and may xc_close() the inherited one).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xc;

#define XC_UUID_BYTES 16
#define XC_NAME_MAX   128 /* with the final 0 */
#define XC_VCPUS_MAX  127 /* APIC ids are 2 * vcpu and end at 254 */

/* ---- handle ------------------------------------------------------------ */

/* NULL only when the process is out of memory. */
struct xc *xc_open(void);
void xc_close(struct xc *xc);

/* Why the last call failed; "" if none did. Valid until the next call. */
const char *xc_error(const struct xc *xc);

/*
 * Long work tells how far it is: `done` of `total` units of `what` ("loading
 * kernel", "promising memory", ...). The last call for a `what` has done ==
 * total; total 0 means that nobody knows how much there is to do. Called at
 * most some hundred times per operation.
 */
typedef void xc_progress_fn(void *arg, const char *what, uint64_t done,
                            uint64_t total);
void xc_set_progress(struct xc *xc, xc_progress_fn *fn, void *arg);

/* ---- domains: what there is -------------------------------------------- */

/* Why a domain stopped; values are the hypervisor's own. */
enum xc_shutdown {
    XC_SHUTDOWN_POWEROFF = 0,
    XC_SHUTDOWN_REBOOT = 1,
    XC_SHUTDOWN_SUSPEND = 2,
    XC_SHUTDOWN_CRASH = 3,
    XC_SHUTDOWN_WATCHDOG = 4,
    XC_SHUTDOWN_SOFT_RESET = 5,
};
/* "poweroff", "reboot", ...; "unknown" for anything else. Static string. */
const char *xc_shutdown_name(unsigned int code);

struct xc_domain {
    uint32_t domid;
    uint8_t uuid[XC_UUID_BYTES];
    uint64_t current_kib;     /* charged to it: populated and PoD cache */
    uint64_t max_kib;         /* the hypervisor's limit (max_pages) */
    uint64_t outstanding_kib; /* claimed, not yet allocated */
    uint64_t shared_kib;
    uint64_t cpu_time_ns; /* of all vCPUs */
    uint32_t online_vcpus;
    uint32_t max_vcpus;
    uint32_t shutdown_code; /* enum xc_shutdown; only if `shutdown` */
    uint32_t cpupool;
    bool running, blocked, paused, shutdown, dying;
    bool hvm; /* PVH and HVM guests; false: PV */
};

/*
 * All domains, lowest id first. *list: free(). A list may be out of date by
 * the time that it is read.
 */
int xc_domain_list(struct xc *xc, struct xc_domain **list, size_t *count);
/* One domain; -ESRCH if there is none with exactly that id. */
int xc_domain_info(struct xc *xc, uint32_t domid, struct xc_domain *info);
/*
 * By name, or by number if `what` is one. Checks that it exists in the
 * hypervisor; -ESRCH if not.
 */
int xc_domain_find(struct xc *xc, const char *what, uint32_t *domid);
/* The name in xenstore; "Domain-0" for domid 0 and "" if it has none. */
int xc_domain_name(struct xc *xc, uint32_t domid, char *name, size_t size);
/*
 * When it was created, in seconds since 1970 by the clock of domain 0. -ENOENT
 * if nobody wrote that down: domain 0's own, for one.
 */
int xc_domain_start_time(struct xc *xc, uint32_t domid, uint64_t *seconds);
/* Letters, digits, - _ . + : and not only digits. */
bool xc_name_is_valid(const char *name);
/* -EEXIST if another domain has the name, -EINVAL if it cannot be one. */
int xc_domain_rename(struct xc *xc, uint32_t domid, const char *name);

struct xc_vcpu {
    uint32_t vcpu;
    uint32_t pcpu; /* where it runs or ran last */
    bool online, blocked, running;
    uint64_t cpu_time_ns;
};
/* -ESRCH if there is no such vCPU. Ask for 0 .. max_vcpus - 1. */
int xc_vcpu_info(struct xc *xc, uint32_t domid, uint32_t vcpu,
                 struct xc_vcpu *info);
/*
 * Ask the guest to use `count` vCPUs (1 .. max_vcpus of its creation). It
 * takes part by itself; look at online_vcpus for the result.
 */
int xc_vcpu_set(struct xc *xc, uint32_t domid, uint32_t count);

/* A set of the host's CPUs: bit N of byte N / 8 is CPU N. */
#define XC_CPUS_MAX 1024
struct xc_cpus {
    uint8_t bits[XC_CPUS_MAX / 8];
};
static inline bool xc_cpus_has(const struct xc_cpus *cpus, uint32_t cpu)
{
    return cpu < XC_CPUS_MAX && cpus->bits[cpu / 8] >> cpu % 8 & 1;
}

/* Where a vCPU may run, and where it would rather run. */
int xc_vcpu_affinity(struct xc *xc, uint32_t domid, uint32_t vcpu,
                     struct xc_cpus *hard, struct xc_cpus *soft);
/*
 * Change either; NULL leaves it as it is. `force` undoes a temporary pinning
 * by the guest's kernel. -EINVAL if none of the CPUs exists.
 */
int xc_vcpu_pin(struct xc *xc, uint32_t domid, uint32_t vcpu,
                const struct xc_cpus *hard, const struct xc_cpus *soft,
                bool force);

/* How much of the CPUs a domain gets, by the scheduler credit2. */
struct xc_share {
    uint16_t weight; /* against other domains', of each vCPU; 1 .. 65535 */
    uint16_t cap;    /* percent of one CPU that all may use, 0: no cap */
};
int xc_share_get(struct xc *xc, uint32_t domid, struct xc_share *share);
int xc_share_set(struct xc *xc, uint32_t domid, const struct xc_share *share);

/* For how long a vCPU runs at least when another one wakes, microseconds; 0, or
 * 100 to 500000. -EINVAL. */
int xc_ratelimit_get(struct xc *xc, uint32_t pool, uint32_t *us);
int xc_ratelimit_set(struct xc *xc, uint32_t pool, uint32_t us);

/* ---- domains: what can be done ----------------------------------------- */

int xc_domain_pause(struct xc *xc, uint32_t domid);
int xc_domain_unpause(struct xc *xc, uint32_t domid);
/*
 * Destroys it and removes it from xenstore. Returns when the teardown is
 * complete, apart from pages that other domains still map. -EPERM for 0.
 */
int xc_domain_destroy(struct xc *xc, uint32_t domid);
/*
 * Ask the guest by control/shutdown: "poweroff", "reboot", "halt", "suspend",
 * "crash". Returns when asked. -ENOTSUP if the guest never said that it
 * listens (control/feature-*): no kernel driver, or still booting.
 */
int xc_domain_shutdown(struct xc *xc, uint32_t domid, const char *how);
int xc_domain_sysrq(struct xc *xc, uint32_t domid, char key);

/*
 * Writes its memory and registers to a file that only its owner may read, in
 * Xen's dump-core format, version 0.1. The domain is not paused by this, and
 * nothing of its memory is changed: promised pages are written as the zeros
 * that they are. -ESRCH; -EOPNOTSUPP on another hypervisor. On failure the file
 * is gone.
 */
int xc_domain_dump(struct xc *xc, uint32_t domid, const char *path);

enum xc_trigger {
    XC_TRIGGER_NMI = 0,
    XC_TRIGGER_RESET = 1,
    XC_TRIGGER_INIT = 2,
    XC_TRIGGER_POWER = 3,
    XC_TRIGGER_SLEEP = 4,
};
int xc_domain_trigger(struct xc *xc, uint32_t domid, enum xc_trigger what,
                      uint32_t vcpu);

/*
 * Wait until the domain has shut down, is dying, or is gone.
 * timeout_ms < 0: for ever. 0: `*info` is its last state (info->dying if it
 * is gone); -ETIMEDOUT; -EINTR if a signal came.
 */
int xc_domain_wait(struct xc *xc, uint32_t domid, int timeout_ms,
                   struct xc_domain *info);

/*
 * The terminal (/dev/pts/N) on which xenconsoled offers the console. Waits
 * for it up to timeout_ms; -ETIMEDOUT.
 */
int xc_domain_console(struct xc *xc, uint32_t domid, int timeout_ms, char *path,
                      size_t size);

/* ---- creation ---------------------------------------------------------- */

/* Values are the hypervisor's own. Ours knows the first and the third. */
enum xc_tsc_mode {
    XC_TSC_DEFAULT = 0,
    XC_TSC_ALWAYS_EMULATE = 1,
    XC_TSC_NATIVE = 2,
    XC_TSC_NATIVE_PARAVIRT = 3,
};

/* What becomes of a guest that touches what it was promised when there is no
 * page; values are the hypervisor's own. */
enum xc_on_empty {
    XC_ON_EMPTY_WAIT = 0,   /* its vCPU waits for one */
    XC_ON_EMPTY_BORROW = 1, /* it borrows from the host, up to a limit */
    XC_ON_EMPTY_CRASH = 2,  /* it is ended */
};

struct xc_guest_config {
    const char *name; /* letters, digits, - _ . + and not only digits */
    uint8_t uuid[XC_UUID_BYTES]; /* all 0: a random one is made */
    const char *kernel;          /* path: bzImage or ELF with a PVH note */
    const char *ramdisk;         /* path or NULL; passed as it is */
    const char *cmdline;         /* or NULL */
    uint64_t max_kib;    /* promised: what the guest's memory map shows */
    uint64_t memory_kib; /* given; < max_kib: populate on demand */
    uint32_t vcpus;      /* online at boot */
    uint32_t max_vcpus;  /* 0: same as vcpus */
    enum xc_tsc_mode tsc_mode;
    uint64_t scrub_pattern; /* besides zero; 0: none */
    bool no_claim;          /* allocate without a claim: may fail half-way */
    enum xc_on_empty on_empty;
    uint64_t borrow_kib; /* the limit; 0: all that is promised and not given */
    bool on_demand;      /* memory_kib is claimed and allocated when touched */
};

/*
 * How much free memory the host should have for it: what it is given, its
 * page tables, and a little for the domain itself.
 */
uint64_t xc_guest_need_kib(const struct xc_guest_config *cfg);
/*
 * Builds the domain and introduces it to xenstored; it is left paused.
 * On success *domid is its id. On failure nothing of it is left, and
 *   -EOPNOTSUPP  the hypervisor does not know the tsc_mode, or has no scrub
 *             pattern, no on_empty but crash, or not on_demand
 *   -EINVAL   a value makes no sense (memory > maxmem, ...)
 *   -EEXIST   the name is in use
 *   -ENOENT   kernel or ramdisk cannot be opened
 *   -ENOEXEC  the kernel is damaged or not a PVH kernel
 *   -E2BIG    kernel, ramdisk and tables do not fit in `memory`
 *   -ENOMEM   the host has not enough memory
 */
int xc_domain_create(struct xc *xc, const struct xc_guest_config *cfg,
                     uint32_t *domid);

/* ---- memory ------------------------------------------------------------ */

struct xc_memory {
    uint64_t target_kib;     /* memory/target: what the guest is told */
    uint64_t static_max_kib; /* memory/static-max: the promise */
};
/* From xenstore. -ENOENT for a domain that has no such nodes. */
int xc_memory_get(struct xc *xc, uint32_t domid, struct xc_memory *mem);
/*
 * Set the target (mem-set). Returns when the request is recorded; the guest's
 * balloon driver follows by itself. -EINVAL above static-max, and for domain
 * 0 below 128 MiB; -ENOMEM if the host cannot back it.
 */
int xc_memory_set_target(struct xc *xc, uint32_t domid, uint64_t kib);
/* mem-max: -EINVAL below the current target. */
int xc_memory_set_max(struct xc *xc, uint32_t domid, uint64_t kib);

/*
 * How far a promise is kept. Of the promise (static_max) each page is either
 * populated, still to be populated (promised) or ballooned out; the cache is
 * what has been set aside for the promised ones.
 */
struct xc_pod {
    uint64_t static_max_kib; /* 0 if unknown (no xenstore nodes) */
    uint64_t target_kib;     /* 0 if unknown */
    uint64_t promised_kib;   /* placeholders: no page yet (E) */
    uint64_t populated_kib;  /* pages that the guest has (P) */
    uint64_t cached_kib;     /* set aside for placeholders (C) */
    uint64_t deficit_kib;    /* promised without anything behind it: D */
    uint64_t ballooned_kib;  /* given back by the guest */

    /* Only our own hypervisor knows of these; 0 elsewhere. */
    bool has_policy; /* the rest is known */
    enum xc_on_empty on_empty;
    bool on_demand;
    uint64_t claimed_kib;      /* on demand: claimed for placeholders */
    uint64_t borrowed_kib;     /* of populated and cached: owed to the host */
    uint64_t borrow_limit_kib; /* what it may owe */
    uint32_t waiting_vcpus;    /* wait for memory */
    uint64_t waits;            /* how often one began to */
    uint64_t waits_at;         /* the address that one of them touched */
    uint64_t next_target_kib;  /* the least target that lets them go on; 0:
                                  none waits */
    uint64_t all_target_kib;   /* the least target that keeps all promises; 0:
                                  they are kept */
};
int xc_pod_info(struct xc *xc, uint32_t domid, struct xc_pod *pod);
/* From now on, what becomes of it when there is no page, and how much it may
 * owe (0: as in struct xc_guest_config). -ESRCH; -EOPNOTSUPP on another
 * hypervisor. */
int xc_pod_set_policy(struct xc *xc, uint32_t domid, enum xc_on_empty on_empty,
                      uint64_t borrow_kib);
/* How many vCPUs of it wait for memory; 0 on a hypervisor where none does. */
uint32_t xc_pod_waiting(struct xc *xc, uint32_t domid);
/* "wait", "borrow", "crash". Static string. */
const char *xc_on_empty_name(enum xc_on_empty on_empty);

/* Events since the domain was created; docs/design/pod.md says what each name
 * means. Only our own hypervisor counts. */
struct xc_counter {
    const char *name;
    uint64_t value;
};
#define XC_POD_COUNTERS 64 /* more than there are */
/* Returns how many; -ENOSYS on a hypervisor that does not count: show "unknown"
 * or "-". */
int xc_pod_counters(struct xc *xc, uint32_t domid,
                    struct xc_counter counters[XC_POD_COUNTERS]);
/* One of them by its name. */
uint64_t xc_counter_value(const struct xc_counter *counters, int count,
                          const char *name);

/* What the hypervisor's recount of a domain (of all and the host) found. */
#define XC_AUDIT_ALL  0x7ff0u
#define XC_AUDIT_NONE UINT64_MAX /* no frame */
struct xc_audit {
    uint32_t differences; /* 0: all is well, and the rest says nothing */
    bool at_domain;       /* the first one is of domain domid */
    uint32_t domid;
    uint64_t gfn, mfn, found, expected;
    char invariant[9], what[49];
};
/* -ENOSYS elsewhere, -ESRCH. May take seconds. */
int xc_audit(struct xc *xc, uint32_t domid, struct xc_audit *audit);

/* What happened on the host's CPUs last (public/podium.h). */
struct xc_trace_record {
    uint64_t time_ns; /* since the host's boot */
    uint32_t cpu;
    uint32_t event; /* enum podium_trace_event */
    uint64_t data[4];
};
struct xc_trace {
    struct xc_trace_record *records; /* by time; free() */
    size_t count;
};
/* -ENOSYS elsewhere. */
int xc_trace(struct xc *xc, struct xc_trace *trace);
/* Whether each write of an entry of second-stage tables is recorded, too. */
int xc_trace_p2m_writes(struct xc *xc, bool on);

/* ---- transcendent memory ----------------------------------------------- */

/* Of a domain, or of all that use it. All but freeable: -EOPNOTSUPP on a
 * hypervisor without it, -ENODEV switched off there, -ENOENT the domain does
 * not use it. */
#define XC_TMEM_ALL 0xffffu

/* Frozen: it keeps what it has, and nothing is put there. */
int xc_tmem_freeze(struct xc *xc, uint32_t domid, bool frozen);

/* Statistics: lines X=tag:value,... as Xen has them. *text: free(). */
int xc_tmem_list(struct xc *xc, uint32_t domid, bool all_numbers, char **text);

/* What is not to be changed: is_set is false, the value is not looked at. */
struct xc_tmem_setting {
    bool is_set;
    uint64_t value;
};
struct xc_tmem_settings {
    struct xc_tmem_setting weight;         /* 0: no share of its own */
    struct xc_tmem_setting cap_kib;        /* ephemeral pages; 0: no limit */
    struct xc_tmem_setting persistent_kib; /* persistent ones; 0: no limit */
    struct xc_tmem_setting compress;       /* 0 or 1 */
    bool of_users; /* -ENOENT for who does not use it yet; else it is kept for
                      when he does */
};
/* Of one domain, not of XC_TMEM_ALL. */
int xc_tmem_set(struct xc *xc, uint32_t domid,
                const struct xc_tmem_settings *settings);

/* May it join the shared pool of that UUID? */
int xc_tmem_shared_auth(struct xc *xc, uint32_t domid,
                        const uint8_t uuid[XC_UUID_BYTES], bool may);

/* What the hypervisor gives up whenever somebody needs it, whole MiB of it; 0
 * on a hypervisor that has no such memory. */
uint64_t xc_tmem_freeable_kib(struct xc *xc);

/* ---- the host ---------------------------------------------------------- */

struct xc_host {
    uint32_t cpus, max_cpu_id, nodes;
    uint32_t threads_per_core, cores_per_socket;
    uint64_t cpu_khz;
    uint32_t hw_caps[8];
    uint64_t total_kib, free_kib, scrub_kib, outstanding_kib;
    uint64_t freeable_kib; /* not among free_kib: transcendent memory gives it
                              up whenever somebody needs it */
    uint64_t sharing_freed_kib, sharing_used_kib;
    bool can_hvm, can_pv, can_hap, can_shadow, can_directio;
    bool can_gnttab_v1, can_gnttab_v2;
};
int xc_host_info(struct xc *xc, struct xc_host *host);

struct xc_version {
    uint32_t major, minor;
    char extra[17];
    char compiler[65], compile_by[17], compile_domain[33], compile_date[33];
    char capabilities[1025]; /* without trailing blanks */
    char changeset[65];
    char commandline[1025];
    char build_id[65]; /* hex, "" if none */
    char scheduler[16];
    uint64_t virt_start;
    uint32_t page_size;
    bool is_podium; /* our own hypervisor */
};
int xc_version(struct xc *xc, struct xc_version *version);

struct xc_cpu {
    bool exists; /* numbers may have gaps */
    uint32_t core, socket, node;
};
/* The CPUs by their numbers. *list: free(). */
int xc_host_cpus(struct xc *xc, struct xc_cpu **list, uint32_t *count);

#define XC_NODES_MAX 64
struct xc_node {
    uint64_t size_kib, free_kib;
    uint32_t distance[XC_NODES_MAX]; /* to each node */
};
/* The memory nodes by their numbers. *list: free(). */
int xc_host_nodes(struct xc *xc, struct xc_node **list, uint32_t *count);

struct xc_cpupool {
    uint32_t id;
    char name[XC_NAME_MAX];
    const char *scheduler;
    uint32_t domain_count;
    struct xc_cpus cpus;
};
/* The first CPU pool with an id of `from` or above. -ENOENT. */
int xc_cpupool_next(struct xc *xc, uint32_t from, struct xc_cpupool *pool);

/* The hypervisor's console ring, oldest line first. *text: free(). */
int xc_console_ring(struct xc *xc, bool clear, char **text, size_t *size);
int xc_debug_keys(struct xc *xc, const char *keys);

/* ---- xenstore, for what has no function here --------------------------- */

/* *value: free(); 0-terminated. -ENOENT. */
int xc_store_read(struct xc *xc, const char *path, char **value);
int xc_store_write(struct xc *xc, const char *path, const char *value);

#endif
