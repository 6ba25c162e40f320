/* machine.c - the bare machine of the tests (machine.h). */
#include "tests/kernel/machine.h"

#include "kernel/acpi.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/mmio.h"
#include "kernel/x86/percpu.h"
#include "tests/host/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* 1 TiB is between the sanitizer's shadows: free to be used when it is told so. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "protect_shadow_gap=0";
}

/* The image ----------------------------------------------------------------- */

__asm__(".bss\n .balign 4096\n"
        ".globl image_start, text_end, rodata_end, image_end\n"
        ".globl stack_guard_boot, stack_guard_exception\n"
        ".globl stack_guard_double_fault, stack_guard_end\n"
        "image_start: .skip 3 * 4096\n"
        "text_end: .skip 2 * 4096\n"
        "rodata_end: .skip 2 * 4096\n"
        "stack_guard_boot: .skip 3 * 4096\n"
        "stack_guard_exception: .skip 2 * 4096\n"
        "stack_guard_double_fault: .skip 2 * 4096\n"
        "stack_guard_end: .skip 2 * 4096\n"
        "image_end:\n .text\n");

/* RAM ------------------------------------------------------------------------ */

#define ISLANDS_MAX 8

static struct {
    void *at;
    size_t size;
} islands[ISLANDS_MAX];
static unsigned island_count;

void machine_add_ram(struct boot_info *info, uint64_t start, uint64_t size)
{
    uint64_t from = ALIGN_DOWN(start, PAGE_SIZE), to = ALIGN_UP(start + size, PAGE_SIZE);
    void *at = mmap((void *)(uintptr_t)from, to - from, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
    assert_ptr_equal(at, (void *)(uintptr_t)from);
    assert_true(island_count < ISLANDS_MAX);
    islands[island_count].at = at;
    islands[island_count++].size = to - from;
    memset(at, 0xa5, min_u64(to - from, 4 * MIB)); /* pages are not zero */
    info->memory[info->memory_count++] = (struct boot_memory){ start, size };
}

/* The CPU --------------------------------------------------------------------- */

#define LEAVES_MAX 16

static struct {
    uint32_t leaf;
    struct cpuid answer;
} leaves[LEAVES_MAX];
static unsigned leaf_count;

uint64_t machine_cr3, machine_tsc, machine_tsc_hz;
unsigned machine_cr3_writes;
unsigned machine_panics;

void machine_cpuid(uint32_t leaf, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
    unsigned i = 0;
    while (i < leaf_count && leaves[i].leaf != leaf)
        i++;
    assert_true(i < LEAVES_MAX);
    leaf_count += i == leaf_count;
    leaves[i].leaf = leaf;
    leaves[i].answer = (struct cpuid){ eax, ebx, ecx, edx };
}

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    (void)subleaf;
    for (unsigned i = 0; i < leaf_count; i++)
        if (leaves[i].leaf == leaf)
            return leaves[i].answer;
    return (struct cpuid){ 0 };
}

#define RDTSC_CYCLES 25u
#define PORT_CYCLES 2000u

uint64_t rdtsc(void)
{
    return machine_tsc += RDTSC_CYCLES;
}

struct machine_registers machine_msrs, machine_mmio;
void (*machine_waits)(void);

void cpu_relax(void)
{
    if (machine_waits)
        machine_waits();
}

void (*machine_halts)(void);

void cpu_halt_once(void)
{
    assert_non_null(machine_halts);
    machine_halts();
}

uint64_t read_cr3(void)
{
    return machine_cr3;
}

void write_cr3(uint64_t v)
{
    machine_cr3 = v;
    machine_cr3_writes++;
}

uint64_t rdmsr(uint32_t msr)
{
    assert_non_null(machine_msrs.read);
    return machine_msrs.read(msr);
}

void wrmsr(uint32_t msr, uint64_t v)
{
    assert_non_null(machine_msrs.write);
    machine_msrs.write(msr, v);
}

uint64_t machine_cr4, machine_xcr0;
uint32_t machine_mxcsr;

uint64_t read_cr4(void)
{
    return machine_cr4;
}

void write_cr4(uint64_t v)
{
    machine_cr4 = v;
}

/* What a CPU answers otherwise to is a general protection fault. */
void write_xcr0(uint64_t v)
{
    assert_true(machine_cr4 & 1u << 18);
    assert_true(v & 1);
    assert_false(v & ~(uint64_t)cpuid(0xd, 0).eax);
    assert_true((v & 4) == 0 || (v & 2));
    assert_true((v & 0xe0) == 0 || (v & 0xe4) == 0xe4);
    machine_xcr0 = v;
}

void fpu_reset(uint32_t mxcsr)
{
    machine_mxcsr = mxcsr;
}

void *cpu_local(void)
{
    return &cpus[0];
}

/* Other CPUs --------------------------------------------------------------------- */

const struct acpi_cpu *machine_cpus;
unsigned machine_cpu_count;
uint8_t cpu_trampoline[] = "code for other CPUs";
__asm__(".globl cpu_trampoline_end\n .set cpu_trampoline_end, cpu_trampoline + 20\n");

unsigned acpi_cpus(struct acpi_cpu *found, unsigned n)
{
    unsigned count = machine_cpu_count < n ? machine_cpu_count : n;
    memcpy(found, machine_cpus, count * sizeof *found);
    return count;
}

void exception_add_interrupts(void) {}
void cpu_settings_note(void) {}

/* Timers ------------------------------------------------------------------------ */

static uint32_t pm_hz, pm_mask, pm_at, pit_hz;
static uint16_t pit_latch;
static unsigned pit_reads, hold_up_in;
static uint64_t hold_up_cycles;
uint8_t machine_pit_mode;

void machine_pm_timer(uint32_t hz, unsigned bits, uint32_t at)
{
    pm_hz = hz;
    pm_mask = bits ? (uint32_t)((1ull << bits) - 1) : 0;
    pm_at = at;
}

void machine_pit(uint32_t hz)
{
    pit_hz = hz;
}

void machine_hold_up(unsigned n, uint64_t cycles)
{
    hold_up_in = n;
    hold_up_cycles = cycles;
}

static uint64_t ticks(uint32_t hz)
{
    return (uint64_t)((unsigned __int128)machine_tsc * hz / machine_tsc_hz);
}

static void port_access(void)
{
    machine_tsc += PORT_CYCLES;
    if (hold_up_in && --hold_up_in == 0)
        machine_tsc += hold_up_cycles;
}

/* Between the halves of a read lies what an access takes; the count is taken in the middle. */
uint32_t host_pio_read(uint16_t port, unsigned size)
{
    uint32_t value;
    port_access();
    if (port == MACHINE_PM_PORT && size == 4) {
        value = (pm_at + (uint32_t)ticks(pm_hz)) & pm_mask;
    } else {
        assert_int_equal(port, 0x40);
        assert_int_equal(size, 1);
        value = pit_reads++ & 1 ? pit_latch >> 8 : pit_latch & 0xff;
    }
    machine_tsc += PORT_CYCLES;
    return value;
}

void host_pio_write(uint16_t port, unsigned size, uint32_t value)
{
    port_access();
    assert_int_equal(size, 1);
    assert_in_range(port, 0x40, 0x43);
    if (port == 0x43 && value == 0)
        pit_latch = (uint16_t)(0u - (uint32_t)ticks(pit_hz));
    else if (port == 0x43)
        machine_pit_mode = (uint8_t)value;
    else
        assert_int_equal(value, 0); /* from 65536 */
}

uint64_t host_mmio_read(const volatile void *reg, unsigned size)
{
    assert_non_null(machine_mmio.read);
    assert_int_equal(size, 4);
    return machine_mmio.read((uint32_t)((uintptr_t)reg % PAGE_SIZE));
}
void host_mmio_write(volatile void *reg, unsigned size, uint64_t value)
{
    assert_non_null(machine_mmio.write);
    assert_int_equal(size, 4);
    machine_mmio.write((uint32_t)((uintptr_t)reg % PAGE_SIZE), value);
}

uint16_t acpi_pm_timer_port(void)
{
    return pm_mask ? MACHINE_PM_PORT : 0;
}

/* What is said -------------------------------------------------------------------- */

static char said[8192];

void log_line(enum log_level level, const char *fmt, ...)
{
    size_t used = strlen(said);
    va_list args;
    (void)level;
    va_start(args, fmt);
    vsnprintf(said + used, sizeof said - used, fmt, args);
    va_end(args);
}

bool machine_logged(const char *text)
{
    return strstr(said, text);
}

/* Ends a test, unless it waits for that (expect_assert_failure). */
void panic(const char *fmt, ...)
{
    machine_panics++;
    mock_assert(0, fmt, "panic", 0);
    abort();
}

void machine_reset(void)
{
    while (island_count) {
        island_count--;
        munmap(islands[island_count].at, islands[island_count].size);
    }
    leaf_count = 0;
    machine_msrs = machine_mmio = (struct machine_registers){ NULL, NULL };
    machine_waits = machine_halts = NULL;
    machine_cpu_count = 0;
    machine_cr3 = machine_cr4 = machine_xcr0 = machine_mxcsr = machine_tsc = 0;
    machine_tsc_hz = 3000000000ull;
    machine_panics = 0;
    machine_pit_mode = 0;
    pit_reads = hold_up_in = 0;
    said[0] = 0;
    machine_pm_timer(0, 0, 0);
    machine_pit(0);
}

/* Walking the tables, as remembered (unread: SDM vol. 3, figure 4-8 and on) -------------- */

static const uint64_t *table_at(uint64_t entry)
{
    return (const uint64_t *)(uintptr_t)(entry & 0x000ffffffffff000ull);
}

struct walk machine_walk(uint64_t va)
{
    const uint64_t *table = table_at(machine_cr3);
    struct walk w = { .writable = true, .executable = true };
    for (unsigned shift = 39;; shift -= 9) {
        uint64_t entry = table[va >> shift & 511];
        w.present = entry & 1;
        w.writable &= entry >> 1 & 1;
        w.executable &= !(entry >> 63);
        if (!w.present || shift == 12 || (shift < 39 && entry >> 7 & 1)) {
            w.uncached = (entry & 0x18) == 0x18;
            w.span = 1ull << shift;
            w.pa = ((entry & 0x000ffffffffff000ull) & ~(w.span - 1)) | (va & (w.span - 1));
            return w;
        }
        table = table_at(entry);
    }
}

/* Calls seen() for each entry that maps something, with the address it maps. */
static void each_leaf(const uint64_t *table, unsigned shift, uint64_t va,
                      void (*seen)(uint64_t va, uint64_t span, void *ctx), void *ctx)
{
    for (unsigned i = 0; i < 512; i++) {
        uint64_t here = va | (uint64_t)i << shift;
        if (!(table[i] & 1))
            continue;
        if (shift == 12 || (shift < 39 && table[i] >> 7 & 1))
            seen(here, 1ull << shift, ctx);
        else
            each_leaf(table_at(table[i]), shift - 9, here, seen, ctx);
    }
}

static void count_writable_code(uint64_t va, uint64_t span, void *ctx)
{
    struct walk w = machine_walk(va);
    (void)span;
    *(unsigned *)ctx += w.writable && w.executable;
}

unsigned machine_writable_code(void)
{
    unsigned count = 0;
    each_leaf(table_at(machine_cr3), 39, 0, count_writable_code, &count);
    return count;
}

struct range {
    uint64_t from, to, bytes;
};

static void add_part(uint64_t va, uint64_t span, void *ctx)
{
    struct range *r = ctx;
    uint64_t from = max_u64(va, r->from), to = min_u64(va + span, r->to);
    r->bytes += from < to ? to - from : 0;
}

uint64_t machine_mapped(uint64_t from, uint64_t to)
{
    struct range r = { from, to, 0 };
    each_leaf(table_at(machine_cr3), 39, 0, add_part, &r);
    return r.bytes;
}
