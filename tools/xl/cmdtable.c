/* SPDX-License-Identifier: MIT */
/*
 * Every command of xl: a row each.
 *
 * The row says all that the rest of the program needs to know: how to call
 * the command, which options and how many words it takes, and what help says.
 */
#include "cmdtable.h"

const struct command command_table[] = {
    {
        .name = "create",
        .run = cmd_create,
        .options = "cdef:FnpqV",
        .max_words = ANY_WORDS,
        .usage = "[options] [CONFIGFILE] [KEY=VALUE ...]",
        .summary = "Create a domain from a configuration file",
        .help = "-c             Attach to the new domain's console\n"
                "-p             Leave the domain paused\n"
                "-F             Stay in the foreground until it is gone\n"
                "-e             Do not watch the domain in the background\n"
                "-f FILE, --defconfig=FILE\n"
                "               Use this configuration file\n"
                "-n, --dryrun   Check the configuration and print it\n"
                "-q, --quiet    Print nothing but errors\n",
    },
    {
        .name = "list",
        .run = cmd_list,
        .options = "cv",
        .max_words = ANY_WORDS,
        .usage = "[options] [DOMAIN ...]",
        .summary = "List all domains or some",
        .help = "-v, --verbose  Also show UUIDs and shutdown reasons\n"
                "-c, --cpupool  Also show the CPU pool\n",
    },
    {
        .name = "destroy",
        .run = cmd_destroy,
        .options = "f",
        .min_words = 1,
        .max_words = 1,
        .usage = "DOMAIN",
        .summary = "End a domain at once and free its memory",
        .help = "-f             Accepted; domain 0 cannot be destroyed\n",
    },
    {
        .name = "shutdown",
        .run = cmd_shutdown,
        .options = "aFw",
        .max_words = 1,
        .usage = "[options] -a | DOMAIN",
        .summary = "Ask a domain to shut down",
        .help = "-a, --all      All domains except 0\n"
                "-w, --wait     Wait until it has shut down; -ww: is gone\n"
                "-F             Accepted; PVH guests know no power button\n",
    },
    {
        .name = "reboot",
        .run = cmd_reboot,
        .options = "aFw",
        .max_words = 1,
        .usage = "[options] -a | DOMAIN",
        .summary = "Ask a domain to reboot",
        .help = "-a, --all      All domains except 0\n"
                "-w, --wait     Wait until the old one has shut down\n",
    },
    {
        .name = "pause",
        .run = cmd_pause,
        .options = "",
        .min_words = 1,
        .max_words = 1,
        .usage = "DOMAIN",
        .summary = "Stop running a domain",
    },
    {
        .name = "unpause",
        .run = cmd_unpause,
        .options = "",
        .min_words = 1,
        .max_words = 1,
        .usage = "DOMAIN",
        .summary = "Run a paused domain again",
    },
    {
        .name = "console",
        .run = cmd_console,
        .options = "n:t:",
        .min_words = 1,
        .max_words = 1,
        .usage = "[options] DOMAIN",
        .summary = "Attach to a domain's console; Ctrl-] leaves",
        .help = "-t pv          The paravirtual console, the only kind here\n"
                "-n 0           Its number, likewise\n",
    },
    {
        .name = "mem-set",
        .run = cmd_mem_set,
        .options = "",
        .min_words = 2,
        .max_words = 2,
        .usage = "DOMAIN SIZE[b|k|m|g|t]",
        .summary = "Set how much memory a domain should use (default MiB)",
    },
    {
        .name = "mem-max",
        .run = cmd_mem_max,
        .options = "",
        .min_words = 2,
        .max_words = 2,
        .usage = "DOMAIN SIZE[b|k|m|g|t]",
        .summary = "Set how much memory a domain may use (default MiB)",
    },
    {
        .name = "pod",
        .run = cmd_pod,
        .options = "",
        .max_words = ANY_WORDS,
        .usage = "[DOMAIN ...]",
        .summary = "Show how much of the promised memory exists",
        .help =
            "Max        what the guest was promised\n"
            "Target     what it should use now\n"
            "Populated  pages that it has\n"
            "Promised   pages that it was promised but never touched\n"
            "Cached     pages set aside to honour those promises\n"
            "Deficit    promised pages with nothing set aside; 0 once the\n"
            "           guest's balloon has reached its target\n"
            "Ballooned  pages that the guest gave back\n"
            "Swept      zero pages that were taken back to honour promises\n",
    },
    {
        .name = "vcpu-list",
        .run = cmd_vcpu_list,
        .options = "",
        .max_words = ANY_WORDS,
        .usage = "[DOMAIN ...]",
        .summary = "List the virtual CPUs of all domains or some",
    },
    {
        .name = "vcpu-set",
        .run = cmd_vcpu_set,
        .options = "",
        .min_words = 2,
        .max_words = 2,
        .usage = "DOMAIN COUNT",
        .summary = "Set how many virtual CPUs a domain should use",
    },
    {
        .name = "vm-list",
        .run = cmd_vm_list,
        .options = "",
        .usage = "",
        .summary = "List guests by UUID, without domain 0",
    },
    {
        .name = "domid",
        .run = cmd_domid,
        .options = "",
        .min_words = 1,
        .max_words = 1,
        .usage = "NAME",
        .summary = "Print the id of the domain with this name",
    },
    {
        .name = "domname",
        .run = cmd_domname,
        .options = "",
        .min_words = 1,
        .max_words = 1,
        .usage = "ID",
        .summary = "Print the name of the domain with this id",
    },
    {
        .name = "rename",
        .run = cmd_rename,
        .options = "",
        .min_words = 2,
        .max_words = 2,
        .usage = "DOMAIN NEWNAME",
        .summary = "Give a domain another name",
    },
    {
        .name = "sysrq",
        .run = cmd_sysrq,
        .options = "",
        .min_words = 2,
        .max_words = 2,
        .usage = "DOMAIN LETTER",
        .summary = "Send a Linux SysRq letter to a domain",
    },
    {
        .name = "trigger",
        .run = cmd_trigger,
        .options = "",
        .min_words = 2,
        .max_words = 3,
        .usage = "DOMAIN nmi|reset|init|power|sleep [VCPU]",
        .summary = "Send a hardware event to a domain",
    },
    {
        .name = "info",
        .run = cmd_info,
        .options = "n",
        .usage = "",
        .summary = "Show what the host is and has",
        .help = "-n, --numa     Accepted; there is one memory node\n",
    },
    {
        .name = "dmesg",
        .run = cmd_dmesg,
        .options = "c",
        .usage = "[-c]",
        .summary = "Print the hypervisor's messages",
        .help = "-c, --clear    Also clear them\n",
    },
    {
        .name = "debug-keys",
        .run = cmd_debug_keys,
        .options = "",
        .min_words = 1,
        .max_words = 1,
        .usage = "KEYS",
        .summary = "Send debug keys to the hypervisor; see xl dmesg",
    },
    {
        .name = "help",
        .run = cmd_help,
        .options = "l",
        .max_words = 1,
        .usage = "[COMMAND]",
        .summary = "List the commands or explain one",
        .help = "-l, --long     Accepted; the list is always complete\n",
    },
};

const size_t command_count = sizeof(command_table) / sizeof(command_table[0]);
