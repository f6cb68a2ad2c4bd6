/* SPDX-License-Identifier: MIT */
/*
 * The machine comes up, one line per step; the last step runs guests and does
 * not return.
 */
#include "arch/hostmap.h"
#include "arch/timer.h"
#include "arch/x86/machine.h"
#include "arch/x86/mce.h"
#include "base/console.h"
#include "base/panic.h"
#include "boot/boot_info.h"
#include "boot/cmdline.h"
#include "boot/first_domain.h"
#include "boot/memory.h"
#include "boot/unpack.h"
#include "domain/background.h"
#include "domain/sched.h"
#include "domain/tidy.h"
#include "domain/tmem_client.h"
#include "guest/hypercall.h"
#include "guest/run.h"
#include "lib/string.h"
#include "mm/boot_alloc.h"
#include "mm/page_alloc.h"
#include "mm/zero_block.h"
#include "types/bits.h"

#include <xen/sched.h>

#define MIB(pages)      ((pages) >> 8)
#define DEFAULT_DOM0    (512ULL << 20)
#define BOOT_VCPU_LIMIT 32

void boot_main(uint32_t magic, uint32_t information);

static struct boot_info boot_info;
static struct options options;
static struct unpacked_kernel kernel;

static const void *module_data(unsigned n)
{
    return arch_map(mfn_from_paddr(boot_info.modules[n].start));
}

static void say_hello(void)
{
    struct page_alloc_info pages = page_alloc_info();

    log_line(LOG_INFO, "Podium: %u CPU%s, %lu MiB of memory, %lu MiB free",
             arch_cpu_count(), arch_cpu_count() == 1 ? "" : "s",
             MIB(pages.total), MIB(pages.free));
    log_line(LOG_INFO, "TSC %lu kHz, command line: %s", arch_tsc_khz(),
             boot_info.command_line);
    cmdline_report();
}

/* While there is still memory in large pieces. */
static void unpack_kernel(void)
{
    const char *wrong;

    if (!boot_info.module_count) {
        panic("no module: the first one has to be domain 0's kernel "
              "(qemu: -initrd \"KERNEL ARGUMENTS,INITRD\")");
    }
    wrong = kernel_unpack(module_data(0), boot_info.modules[0].size, &kernel);
    if (wrong) {
        panic("dom0's kernel: %s. Give the boot loader another kernel as first "
              "module.",
              wrong);
    }
}

static void release_modules(void)
{
    uint64_t before = page_alloc_info().free;

    for (unsigned i = 0; i < boot_info.module_count; i++) {
        boot_alloc_release(boot_info.modules[i].start,
                           boot_info.modules[i].size);
    }
    boot_alloc_release(kernel.memory, kernel.memory_size);
    log_line(LOG_INFO, "%lu KiB of boot modules and unpacked kernel are free",
             (unsigned long)(page_alloc_info().free - before) << 2);
}

static void start_first_domain(void)
{
    uint64_t mem = options.dom0_mem ? options.dom0_mem : DEFAULT_DOM0;
    struct first_domain_config config = {
        .command_line = boot_info.modules[0].command_line,
        .pages = mem >> PAGE_SHIFT,
        .max_vcpus =
            options.dom0_max_vcpus ? options.dom0_max_vcpus : arch_cpu_count(),
    };
    struct domain *d;

    config.max_vcpus = MIN(config.max_vcpus, BOOT_VCPU_LIMIT);
    config.kernel = kernel.image;
    config.kernel_size = kernel.size;
    if (boot_info.module_count > 1) {
        config.initrd = module_data(1);
        config.initrd_size = boot_info.modules[1].size;
    }
    d = first_domain_build(&config);
    if (!d) {
        panic("domain 0 cannot be built: the line above says why. The boot "
              "loader has to give another kernel, initrd or dom0_mem=");
    }
    release_modules();
    if (domain_unpause(d)) {
        panic("domain 0 was not paused");
    }
    domain_put(d);
}

static void first_domain_ended(unsigned code)
{
    log_line(LOG_INFO, "domain 0 has shut down (code %u)", code);
    if (code == SHUTDOWN_poweroff) {
        arch_poweroff();
    }
    if (options.no_reboot) {
        log_line(LOG_INFO, "noreboot: the machine is halted");
        arch_halt_all();
    }
    arch_reboot();
}

static void start_tmem(void)
{
    if (options.no_tmem) {
        return;
    }
    if (!tmem_start(options.tmem_compress)) {
        log_line(LOG_WARNING, "no memory for transcendent memory: there is "
                              "none");
        return;
    }
    tmem_set_policy(options.tmem_policy);
}

/* All that comes after the machine's own CPU 0 may have been left out. */
static noreturn_fn void boot_rest(void)
{
    if (options.has_extra_cpu) {
        acpi_add_cpu(options.extra_cpu);
    }
    memory_types_init_this_cpu();
    smp_start(options.max_cpus); /* all CPUs */
    virt_init_this_cpu();
    mce_init_this_cpu();
    boot_alloc_finish(); /* frame table, page allocator */
    zero_block_init();
    say_hello();
    sched_init();
    background_set(!options.no_background);
    tidy_set(!options.no_background);
    start_tmem();
    version_set_command_line(boot_info.command_line);
    domain_zero_ended = first_domain_ended;
    uart_enable_interrupt(); /* input for domain 0 */
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        time_init_cpu(cpu);
    }
    start_first_domain();
    smp_release(guest_loop); /* the others pick vCPUs too */
    guest_loop();
}

void boot_main(uint32_t magic, uint32_t information)
{
    const char *reason;

    trap_init();          /* exceptions say what went wrong */
    cpu_init(0);          /* descriptors, control registers, GS */
    uart_init(1, 115200); /* until the options say otherwise */
    if (!multiboot_parse(magic, PADDR(information), &boot_info)) {
        panic("not started by a multiboot loader with a memory map");
    }
    cmdline_parse(boot_info.command_line, &options);
    uart_init(options.console_com, options.console_baud);
    if (options.use_screen) {
        screen_init(&boot_info.screen);
    }
    console_set_levels(options.host_level, options.guest_level);
    panic_set_noreboot(options.no_reboot);
    trouble_set_nmi_policy(options.nmi);
    reason = virt_init_boot(); /* can this machine run guests at all? */
    if (reason) {
        panic("%s", reason);
    }
    page_init_boot(options.page_scan, options.page_clear);
    memory_init(&boot_info); /* RAM, our own page tables */
    screen_map();
    /* CPUs, I/O APIC, power switch */
    if (!acpi_init(boot_info.has_rsdp ? boot_info.rsdp : NULL,
                   !boot_info.from_efi)) {
        log_line(LOG_WARNING, "no ACPI tables: one CPU only");
    }
    smp_set_trampoline(boot_low_page(&boot_info));
    timer_repeat(options.repeat_timer);
    apic_init_boot(!options.no_x2apic); /* local APIC, interrupts */
    timer_calibrate();                  /* TSC and APIC timer */
    unpack_kernel();                    /* while no other CPU waits for us */
    if (options.spare_boot_cpu) {
        smp_move_boot(boot_rest);
    }
    boot_rest();
}
