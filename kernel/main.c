/* main.c - the boot as a list.  Reading kernel_main() top to bottom is the tour
 * of the house; the console prints the same phrases. */
#include "apps/console/config.h"
#include "apps/console/console.h"
#include "apps/forward/cores.h"
#include "apps/forward/forward.h"
#include "apps/forward/provision.h"
#include "apps/forward/rest.h"
#include "apps/machine/fence.h"
#include "boot/boot_info.h"
#include "iommu/iommu.h"
#include "kernel/acpi.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/cpu_features.h"
#include "kernel/cpus.h"
#include "kernel/files.h"
#include "kernel/framebuffer.h"
#include "kernel/fw_cfg.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/startup.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/rss.h"
#include "pci/aer.h"
#include "pci/pci.h"
#include "virtio/virtio_mmio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ONE_MIB (1024u * 1024u)
#define FW_CFG_CONFIGURATION_MAX ONE_MIB
#define FOUR_GIB 0x100000000ull
#define POWER_BUTTON_US (100 * US_PER_MS)
#define PANIC_ROW_OVER_US (60 * US_PER_S) /* a minute without one ends a row of panics */

static struct options options;

/* One line a step: what exists now; with loglevel=debug also since when.  Lines
 * from before there is a console are kept and shown by the first one. */
static void done(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void done(const char *fmt, ...)
{
    char phrase[128];
    va_list args;
    va_start(args, fmt);
    vsnprintf(phrase, sizeof phrase, fmt, args);
    va_end(args);
    log_info("%s", phrase);
    log_debug("  at %" PRIu64 " us", time_us());
}

static void open_console(const struct boot_info *info)
{
    framebuffer_set(&info->framebuffer);
    for (unsigned i = 0; i < options.consoles; i++)
        console_init(options.console[i]);
    console_init_default();
}

static const char *verify_tables(uint64_t rsdp)
{
    if (acpi_init(rsdp))
        return "no tables";
    return acpi_refused() ? "not all tables are sound" : "tables verified";
}

static uint64_t memory_mib(void)
{
    struct memory_stats m;
    memory_stats(&m);
    return m.total / ONE_MIB;
}

static uint32_t packets_made;
static uint64_t reserve_most;

static uint64_t reserve(void)
{
    return min_u64(provision_ports(packets_made), reserve_most);
}

/* Where there is hardly more, tables get a quarter: ports without them forward nothing. */
static void reserve_for_ports(void)
{
    struct memory_stats m;
    memory_stats(&m);
    uint64_t need = provision_ports(packets_made);
    reserve_most = m.free / 4 * 3;
    if (need > reserve_most)
        log_warning("memory: %" PRIu64 " KiB left, all queues of all ports take %" PRIu64,
                    m.free / 1024, need / 1024);
    memory_reserve(reserve);
}

static uint32_t make_packets(void)
{
    struct memory_stats m;
    memory_stats(&m);
    packets_made = provision_packets(&m);
    if (forward_init_workers(packets_made, cpus_count()))
        panic("no memory for the packet pool");
    cores_start();
    reserve_for_ports();
    return packets_made;
}

static const struct boot_info *machine;

/* What firmware left unplaced goes where RAM is not. */
static void add_windows(void)
{
    uint64_t low_end = 0, ram_end = 0;
    for (unsigned i = 0; i < machine->memory_count; i++) {
        ram_end = machine->memory[i].start + machine->memory[i].size;
        if (ram_end <= FOUR_GIB)
            low_end = ram_end;
    }
    if (!pci_windows_of_firmware())
        pci_windows_of_pc(low_end, ram_end, paging_physical_end());
}

static int find_functions(const struct boot_info *info)
{
    machine = info;
    pci_windows_from(add_windows);
    int e = pci_init();
    return e ? 0 : pci_scan();
}

/* Bus mastering is off everywhere by now: no device is cut off in the middle. */
static const char *raise_fence(void)
{
    pci_trust(&options.ats);
    port_require_fence(options.iommu == IOMMU_STRICT);
    if (options.iommu == IOMMU_OFF)
        return "off (iommu=off), devices reach all memory";
    int e = iommu_init();
    fence_init();
    if (!iommu_present())
        return options.iommu == IOMMU_STRICT ? "none in force, no port is started (iommu=strict)"
                                             : "none in force, devices reach all memory";
    return e ? "in force, but not on every unit" : "in force, a device reaches what it was given";
}

/* Devices without a bus: where the command line and firmware's tables say. */
static unsigned probe_slots(void)
{
    struct virtio_mmio_slot *slots = options.mmio;
    unsigned count = options.mmio_slots;
    struct acpi_device device;
    for (unsigned i = 0; count < VIRTIO_MMIO_SLOTS_MAX && acpi_device("LNRO0005", i, &device); i++)
        if (device.count && device.resource[0].kind == ACPI_RESOURCE_MEMORY)
            slots[count++] = (struct virtio_mmio_slot){ .base = device.resource[0].base,
                                                        .size = device.resource[0].size };
    return virtio_mmio_probe(slots, count);
}

/* The first module is the configuration, unless it is a folder: then that is one of its files. */
static void take_modules(const struct boot_info *info, struct config_file *row)
{
    static char why[BOOT_MODULES_MAX][FILES_WHY_SIZE];
    for (unsigned i = 0; i < info->module_count; i++) {
        const char *bytes = (const char *)(uintptr_t)info->module[i].start;
        size_t size = info->module[i].size;
        row[i].source = "configuration";
        if (!files_is_archive(bytes, size) && i == 0)
            row[i] = (struct config_file){ "configuration", bytes, size, NULL };
        else if (files_is_archive(bytes, size) && files_add_archive(bytes, size, why[i]))
            row[i].lost = why[i];
    }
    const struct file *file = files_find("millrace.conf");
    if (file && !row[0].text && !row[0].lost)
        row[0] = (struct config_file){ "millrace.conf", file->bytes, file->size, NULL };
}

/* Whoever started QEMU may have given it one for us; the caller frees it. */
static void *take_fw_cfg(struct config_file *row)
{
    int error = -ENOENT;
    void *text = NULL;
    if (machine_is_guest())
        text = fw_cfg_read("opt/millrace/conf", FW_CFG_CONFIGURATION_MAX, &row->size, &error);
    row->source = "fw_cfg";
    row->text = text;
    if (error == -EFBIG)
        row->lost = "the file is too long, expected at most 1 MiB";
    else if (error == -ENOMEM)
        row->lost = "no memory for the file";
    return text;
}

static void configure(const struct boot_info *info)
{
    struct config_file row[1 + BOOT_MODULES_MAX + 1] = {
        { .source = "configuration", .lost = info->configuration_lost },
    };
    take_modules(info, row + 1);
    void *of_qemu = take_fw_cfg(row + 1 + BOOT_MODULES_MAX);
    if (files_count())
        done("files: %u", files_count());
    config_run(info->command_line, row, ARRAY_SIZE(row), &out_console);
    free(of_qemu);
}

static void watch_power_button(uint64_t now)
{
    static uint64_t next;
    if (now < next)
        return;
    next = now + POWER_BUTTON_US;
    if (acpi_power_button_pressed()) {
        log_warning("power button: turning off");
        machine_poweroff();
    }
}

/* Part of every turn: characters move, and a task gets its share. */
static void control_work(void)
{
    static bool row_over;
    console_poll();
    time_settle();
    fence_poll(time_us());
    pci_aer_poll(time_us());
    watch_power_button(time_us());
    task_turn();
    if (!row_over && time_us() > PANIC_ROW_OVER_US) {
        panic_count_clear();
        row_over = true;
    }
}

static bool control_is_quiet(void)
{
    return tasks_rest() && console_is_quiet();
}

/* For two tasks at least, whatever the configuration takes: without them nobody can be told what
 * there is no memory for. */
#define FOR_TASKS (192u << 10)

static void *keep_for_tasks(void)
{
    void *kept = page_alloc(FOR_TASKS, PAGE_SIZE, 0);
    if (!kept)
        panic("no memory for tasks");
    return kept;
}

/* The set-up ends here: from now on who waits is a task. */
static void start_tasks(void *kept)
{
    page_free(kept, FOR_TASKS);
    console_set_wait(task_yield);
    if (work_start() || console_start())
        panic("no memory for tasks");
}

static void say_ready(void)
{
    bool running = forward_running();
    out_printf(&out_console, "ready: %u ports, %s%s, %" PRIu64 " us\n", port_count(),
               running ? "forwarding " : "stopped", running ? forward_get_mode()->name : "",
               time_us());
}

void kernel_main(struct boot_info *info)
{
    time_start(info->start_tsc);
    config_devices_first(info->command_line);
    config_parse_command_line(info->command_line, &options, NULL, NULL);
    log_set_level(options.log_level);
    panic_set_halt(options.panic_halt);
    rss_set_symmetric(!options.rss_standard);
    machine_init(info->protocol);
    done("millrace %s (%s), %s, on %s", version_string, version_commit, info->protocol,
         machine_cpu_name());
    if (info->problem)
        log_warning("boot: %s", info->problem);

    exception_init();
    done("exceptions: each ends in a report");
    cpu_features_begin();
    done("devices: %u bus masters told to keep still", pci_quiesce());
    memory_init(info);
    done("memory: %" PRIu64 " MiB, mapped W^X", memory_mib());
    done("acpi: %s", verify_tables(info->acpi_rsdp));
    cpus_find(options.cores);
    open_console(info);
    const char *clock = time_init();
    cpus_call();
    done("time: TSC at %" PRIu64 " MHz, by %s", time_cycles_per_us(), clock);
    done("pci: %d functions", find_functions(info));
    done("iommu: %s", raise_fence());
    done("drivers: %u devices taken", (unsigned)pci_probe_drivers() + probe_slots());
    console_settle();
    done("cpus: %u in use", cpus_settle());
    void *for_tasks = keep_for_tasks();
    done("packets: %" PRIu32, make_packets());
    done("ports: %u to configure", forward_take_ports());
    configure(info);
    done("configured");
    forward_ports_up();
    done("ports: begun");
    time_settle();
    say_ready();

    acpi_power_button_init();
    start_tasks(for_tasks);
    forward_set_control_hook(control_work, control_is_quiet);
    rest_want(!options.poll_busy);
    for (;;)
        if (!forward_turn())
            forward_rest();
}
