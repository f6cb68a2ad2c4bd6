/* SPDX-License-Identifier: MIT */
/*
 * The keys of xl.cfg, in the order in which the manual has them. guestcfg.c
 * reads those that are KEY_READ.
 */
#include "configkey.h"

#define ACTION "\"destroy\"|\"restart\"|\"preserve\""

#define ABSENT(key)                                                            \
    {                                                                          \
        .name = (key), .use = KEY_ABSENT                                       \
    }

static const struct config_key keys[] = {
    {"name", KEY_READ, "\"NAME\"", NULL,
     "What the domain is called. No two domains have the same name. Letters, "
     "digits and - _ . + : may be in it, but not digits alone."},
    {"kernel", KEY_READ, "\"PATH\"", NULL,
     "The guest's kernel, a file in domain 0: a Linux bzImage (with an xz, "
     "gzip, zstd or lz4 payload) or an ELF file, with a PVH entry."},
    {"memory", KEY_READ, "MIB", NULL,
     "How much memory the guest is given. If only one of memory and maxmem "
     "is there, it stands in for the other."},
    {"maxmem", KEY_READ, "MIB", "memory",
     "How much memory the guest is promised: its memory map shows this much. "
     "With memory below maxmem the guest boots on populate-on-demand memory, "
     "and its balloon driver must bring it down to memory."},
    {"pod_mode", KEY_READ, "\"reserved\"|\"on-demand\"", "\"reserved\"",
     "Where the pages of memory wait until the guest touches them. reserved: "
     "they are allocated when the guest is created and lie in its cache. "
     "on-demand: they stay with the host, claimed so that nobody else can have "
     "them, and are allocated one by one; creation is quick, and xl list "
     "tells what was touched. Choose it for many guests that rarely use all "
     "of memory."},
    {"pod_on_empty", KEY_READ, "\"wait\"|\"borrow\"|\"crash\"",
     "that of xl.conf",
     "What becomes of a guest that touches what it was promised when all that "
     "it was given is in use. wait: the virtual CPU that did so stands still "
     "until there is a page, by mem-set, or because the guest gives one back; "
     "xl list shows an m, and xl pod says what would help. borrow: it takes "
     "what is free in the host, up to pod_borrow, pays it back first, and "
     "waits beyond that. crash: it is ended."},
    {"pod_borrow", KEY_READ, "MIB", "that of xl.conf",
     "How much the guest may owe the host with pod_on_empty=\"borrow\"."},
    {"type", KEY_READ, "\"pvh\"", "\"pvh\"",
     "The kind of guest, of which there is one here."},
    {"builder", KEY_READ, "\"pvh\"", "\"pvh\"",
     "The older name of type, with the same values."},
    {"uuid", KEY_READ, "\"UUID\"", "a random one",
     "32 hexadecimal digits, with dashes as in "
     "01234567-89ab-cdef-0123-456789abcdef. It is kept when the guest is "
     "restarted."},
    {"ramdisk", KEY_READ, "\"PATH\"", "none",
     "An initial file system for the kernel, handed to the guest as it is."},
    {"cmdline", KEY_READ, "\"TEXT\"", "what root and extra make",
     "The kernel's command line, at most 2047 bytes."},
    {"root", KEY_READ, "\"DEVICE\"", "none",
     "Without cmdline: root=DEVICE begins the command line."},
    {"extra", KEY_READ, "\"TEXT\"", "none",
     "Without cmdline: what the command line has besides."},
    {"vcpus", KEY_READ, "COUNT", "1",
     "Virtual CPUs that are online when the guest boots, at most 127."},
    {"maxvcpus", KEY_READ, "COUNT", "vcpus",
     "Virtual CPUs that the guest can have; see vcpu-set in xl(1)."},
    {"cpus", KEY_READ, "\"CPUS\"|[\"CPUS\", ...]", "\"all\"",
     "On which CPUs of the host the virtual CPUs may run. CPUS are items "
     "between commas: all, a number, a range as in 0-3, node:0 or nodes:0-1 "
     "for those of memory nodes; a ^ before an item takes it away again, as "
     "in \"0-3,^1\". A list has an item for each virtual CPU, from 0 on; "
     "those beyond its end may run everywhere."},
    {"cpus_soft", KEY_READ, "\"CPUS\"|[\"CPUS\", ...]", "\"all\"",
     "On which CPUs they would rather run: such a one is chosen when several "
     "are idle."},
    {"cpu_weight", KEY_READ, "WEIGHT", "256",
     "1 to 65535: when there is not enough for all, each virtual CPU gets twice "
     "the time of one that has half of the weight."},
    {"cap", KEY_READ, "PERCENT", "0",
     "Of one CPU: what all virtual CPUs may use together, even if CPUs are "
     "idle, at most 100 for each of them. 0 is no cap."},
    {"on_poweroff", KEY_READ, ACTION, "\"destroy\"",
     "What to do when the guest has powered off: destroy the domain; make a "
     "new one of the same configuration in its place; or keep it, with its "
     "memory, to be looked at and destroyed later."},
    {"on_reboot", KEY_READ, ACTION, "\"restart\"",
     "The same for a guest that asks for a reboot."},
    {"on_crash", KEY_READ, ACTION, "\"destroy\"",
     "The same for a guest whose kernel has crashed, or which the hypervisor "
     "had to end."},
    {"on_watchdog", KEY_READ, ACTION, "\"destroy\"",
     "The same for a guest whose watchdog timer has run out."},
    {"tsc_mode", KEY_READ,
     "\"default\"|\"always_emulate\"|\"native\"|\"native_paravirt\"",
     "\"default\"",
     "How the guest reads the processor's time stamp counter. The hypervisor "
     "knows default and native, which are the same; the others are refused "
     "when the guest is created. The numbers 0 to 3 stand for the names."},
    {"scrub_pattern", KEY_READ, "\"0xHEX\"", "none",
     "What the guest's kernel fills free memory with, if that is not zero: 64 "
     "bits. Pages that are full of it can then be taken back as pages full of "
     "zeros can, when the guest is promised more than it is given. Only "
     "Podium knows this."},
    {"seclabel", KEY_READ, "\"LABEL\"", "none",
     "A label for security policies. There are none here: it is accepted, and "
     "a note says that it is ignored."},
    ABSENT("acpi"),
    ABSENT("acpi_firmware"),
    ABSENT("acpi_laptop_slate"),
    ABSENT("acpi_s3"),
    ABSENT("acpi_s4"),
    ABSENT("altp2m"),
    ABSENT("altp2mhvm"),
    ABSENT("apic"),
    ABSENT("argo"),
    ABSENT("bios"),
    ABSENT("bios_path_override"),
    ABSENT("boot"),
    ABSENT("bootloader"),
    ABSENT("bootloader_args"),
    ABSENT("channel"),
    ABSENT("claim_mode"),
    ABSENT("cpuid"),
    ABSENT("device_model_args"),
    ABSENT("device_model_override"),
    ABSENT("device_model_stubdomain_override"),
    ABSENT("device_model_user"),
    ABSENT("device_model_version"),
    ABSENT("device_tree"),
    ABSENT("disk"),
    ABSENT("dm_restrict"),
    ABSENT("driver_domain"),
    ABSENT("dtdev"),
    ABSENT("e820_host"),
    ABSENT("firmware"),
    ABSENT("gfx_passthru"),
    ABSENT("hap"),
    ABSENT("hdtype"),
    ABSENT("hpet"),
    ABSENT("init_seclabel"),
    ABSENT("iomem"),
    ABSENT("ioports"),
    ABSENT("irqs"),
    ABSENT("keymap"),
    ABSENT("localtime"),
    ABSENT("max_event_channels"),
    ABSENT("max_grant_frames"),
    ABSENT("max_grant_version"),
    ABSENT("max_maptrack_frames"),
    ABSENT("mca_caps"),
    ABSENT("mmio_hole"),
    ABSENT("ms_vm_genid"),
    ABSENT("msr_relaxed"),
    ABSENT("nestedhvm"),
    ABSENT("nographic"),
    ABSENT("nomigrate"),
    ABSENT("nx"),
    ABSENT("on_soft_reset"),
    ABSENT("oos"),
    ABSENT("opengl"),
    ABSENT("p9"),
    ABSENT("pae"),
    ABSENT("passthrough"),
    ABSENT("pci"),
    ABSENT("pci_msitranslate"),
    ABSENT("pci_permissive"),
    ABSENT("pci_power_mgmt"),
    ABSENT("pci_seize"),
    ABSENT("pool"),
    ABSENT("pvcalls"),
    ABSENT("pvshim"),
    ABSENT("pvshim_cmdline"),
    ABSENT("pvshim_extra"),
    ABSENT("pvshim_path"),
    ABSENT("rdm"),
    ABSENT("rdm_mem_boundary"),
    ABSENT("rtc_timeoffset"),
    ABSENT("sdl"),
    ABSENT("serial"),
    ABSENT("shadow_memory"),
    ABSENT("smbios_firmware"),
    ABSENT("soundhw"),
    ABSENT("spice"),
    ABSENT("stdvga"),
    ABSENT("timer_mode"),
    ABSENT("usb"),
    ABSENT("usbctrl"),
    ABSENT("usbdev"),
    ABSENT("usbdevice"),
    ABSENT("usbversion"),
    ABSENT("vdispl"),
    ABSENT("vendor_device"),
    ABSENT("vfb"),
    ABSENT("vga"),
    ABSENT("videoram"),
    ABSENT("vif"),
    ABSENT("viridian"),
    ABSENT("vkb"),
    ABSENT("vmtrace_buf_kb"),
    ABSENT("vnc"),
    ABSENT("vncdisplay"),
    ABSENT("vnclisten"),
    ABSENT("vncpasswd"),
    ABSENT("vncunused"),
    ABSENT("vnuma"),
    ABSENT("vpmu"),
    ABSENT("vpt_align"),
    ABSENT("vsnd"),
    ABSENT("vtpm"),
    ABSENT("vuart"),
    ABSENT("xen_platform_pci"),
    ABSENT("xend_suspend_evtchn_compat"),
};

const struct config_keys guest_keys = {keys, sizeof(keys) / sizeof(keys[0])};
