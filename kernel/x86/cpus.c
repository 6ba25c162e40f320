/* cpus.c - which CPUs there are, and how they are started (cpus.h).
 *
 * Source: Intel SDM vol. 3A, 253668-032, 8.4.4 (read): INIT, 10 ms later a start-up IPI, 200 us
 * later another, which who runs already ignores.  A hypervisor's CPU is reset at once: no 10 ms
 * there. */
#include "kernel/cpus.h"

#include "kernel/acpi.h"
#include "kernel/compiler.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/time.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/percpu.h"

#include <stdio.h>
#include <string.h>

#define LISTED_MAX 512u
#define INIT_US 10000u
#define AGAIN_US 200u
#define COME_US US_PER_S /* since the last one came: a hypervisor may be busy */
#define STOP_US 100000u
#define TSC_APART_US 1000u
#define CPUID_FEATURES_ECX_HYPERVISOR (1u << 31)
#define CPUID_POWER 0x80000007u
#define CPUID_POWER_EDX_INVARIANT_TSC (1u << 8) /* unread: SDM vol. 2A */

/* Stacks of a CPU: to work on, for exceptions, and for those in exceptions. */
#define STACK_SIZE (32u * 1024u)
#define EXCEPTION_STACK_SIZE (16u * 1024u)
#define CPU_STACKS_SIZE (STACK_SIZE + 2 * EXCEPTION_STACK_SIZE)
#define CPU_MEMORY (128u * 1024u) /* with what a worker has */
#define CPU_MEMORY_SHARE 4u       /* of what is free, CPUs get one part; ports want the rest */

_Static_assert(STACK_PLACES_TASKS + CPU_STACK_PLACES * (CPUS_MAX - 1) <= STACK_PLACES_MAX,
               "each has its place");

struct cpu cpus[CPUS_MAX];

/* cpu_entry.S: the code that a start-up IPI leads to, and what it reads. */
extern uint8_t cpu_trampoline[], cpu_trampoline_end[];
uint64_t cpu_root;                /* the page tables' */
uint64_t cpu_stack_top[CPUS_MAX]; /* by order of coming */
uint32_t cpus_came, cpu_stacks;

static struct {
    unsigned found; /* in cpus[], ours included */
    unsigned count; /* that run */
    bool called;
    uint64_t reset_tsc;
    uint64_t page; /* below 1 MiB */
    struct cpu *by_number[CPUS_MAX];
} all = { .found = 1, .count = 1, .by_number = { &cpus[0] } };

/* CPU 0's clock, for the others to compare with: never ahead of it. */
uint64_t cpus_clock;

unsigned cpus_count(void)
{
    return all.count;
}

unsigned cpu_number(void)
{
    return this_cpu()->number;
}

void cpus_reset(void)
{
    memset(cpus, 0, sizeof cpus);
    memset(&all, 0, sizeof all);
    all.found = all.count = 1;
    all.by_number[0] = &cpus[0];
    cpu_stacks = 0;
    apic_reset();
}

/* Finding them --------------------------------------------------------------- */

static struct acpi_cpu listed[LISTED_MAX];

static bool needs_x2(unsigned n)
{
    bool needs = false;
    for (unsigned i = 0; i < n; i++)
        needs |= listed[i].enabled && listed[i].apic_id > APIC_ID_XAPIC_MAX;
    return needs;
}

/* Up to `most` in all; how many more there are that could be used. */
static unsigned take_listed(unsigned n, unsigned most)
{
    unsigned beyond = 0, unreachable = 0;
    for (unsigned i = 0; i < n; i++) {
        const struct acpi_cpu *cpu = &listed[i];
        if (!cpu->enabled || cpu->apic_id == cpus[0].apic_id)
            continue;
        if (!apic_is_x2() && cpu->apic_id > APIC_ID_XAPIC_MAX)
            unreachable++;
        else if (all.found < most)
            cpus[all.found++].apic_id = cpu->apic_id;
        else
            beyond++;
    }
    if (unreachable)
        log_warning("cpus: %u cannot be reached without x2APIC mode", unreachable);
    return beyond;
}

static int map_stack(unsigned place, uintptr_t pages, uint64_t size)
{
    return paging_map(stack_place_top(place) - size, pages, size, PAGE_DATA);
}

/* The lower part of each place stays unmapped. */
static bool make_stacks(unsigned i)
{
    unsigned place = STACK_PLACES_TASKS + CPU_STACK_PLACES * (i - 1);
    uintptr_t pages = (uintptr_t)page_alloc(CPU_STACKS_SIZE, PAGE_SIZE, 0);
    if (!pages)
        return false;
    int e = map_stack(place, pages, STACK_SIZE);
    e |= map_stack(place + 1, pages + STACK_SIZE, EXCEPTION_STACK_SIZE);
    e |= map_stack(place + 2, pages + STACK_SIZE + EXCEPTION_STACK_SIZE, EXCEPTION_STACK_SIZE);
    cpu_stack_top[i - 1] = stack_place_top(place);
    cpus[i].tss.ist[0] = stack_place_top(place + 1);
    cpus[i].tss.ist[1] = stack_place_top(place + 2);
    return !e;
}

/* Those without stacks are not called. */
static void make_all_stacks(void)
{
    struct memory_stats m;
    unsigned i = 1;
    memory_stats(&m);
    uint64_t most = min_u64(all.found, 1 + m.free / CPU_MEMORY_SHARE / CPU_MEMORY);
    while (i < most && make_stacks(i))
        i++;
    if (i < all.found)
        log_warning("cpus: no memory for %u of them", all.found - i);
    all.found = i;
    cpu_stacks = i - 1;
}

static void send_all(uint32_t what)
{
    for (unsigned i = 1; i < all.found; i++)
        if (load_acquire(&cpus[i].state) == CPU_CALLED)
            apic_send(cpus[i].apic_id, what);
}

/* Whoever still runs firmware's code leaves it here; the page is written afterwards. */
static void reset_all(void)
{
    for (unsigned i = 1; i < all.found; i++) {
        cpus[i].number = i; /* for now */
        cpus[i].state = CPU_CALLED;
    }
    send_all(APIC_SEND_INIT);
    all.reset_tsc = rdtsc();
}

static void look_for_others(unsigned n, unsigned most)
{
    if (!apic_begin(needs_x2(n))) {
        log_warning("cpus: no local APIC to start others with");
        return;
    }
    cpus[0].apic_id = apic_id();
    unsigned beyond = take_listed(n, min_u64(most ? most : CPUS_MAX, CPUS_MAX));
    if (!most && beyond)
        log_warning("cpus: %u are not used, %u is the most", beyond, CPUS_MAX);
    all.page = all.found > 1 ? memory_low_page() : 0;
    if (all.found > 1 && !all.page) {
        log_warning("cpus: no memory below 1 MiB to start others in");
        all.found = 1;
    }
}

void cpus_find(unsigned most)
{
    unsigned n = most == 1 ? 0 : acpi_cpus(listed, LISTED_MAX);
    if (n > 1)
        look_for_others(n, most);
    if (most > all.found)
        log_warning("cpus: cores=%u, but there are %u", most, all.found);
    if (all.found == 1)
        return;
    make_all_stacks();
    exception_add_interrupts();
    cpu_settings_note();
    cpu_root = read_cr3();
    reset_all();
}

/* Starting them ---------------------------------------------------------------- */

static bool is_reset(void)
{
    bool guest = cpuid(1, 0).ecx & CPUID_FEATURES_ECX_HYPERVISOR;
    return guest || (rdtsc() - all.reset_tsc) / time_cycles_per_us() >= INIT_US;
}

static void call_all(void)
{
    store_relaxed(&cpus_clock, rdtsc());
    send_all(APIC_SEND_START | (uint32_t)(all.page / PAGE_SIZE));
}

void cpus_call(void)
{
    if (all.found == 1 || all.called || !is_reset())
        return;
    memcpy((void *)(uintptr_t)all.page, cpu_trampoline,
           (size_t)(cpu_trampoline_end - cpu_trampoline));
    all.called = true;
    call_all();
}

static unsigned count_state(enum cpu_state state)
{
    unsigned count = 0;
    for (unsigned i = 1; i < all.found; i++)
        count += load_acquire(&cpus[i].state) == state;
    return count;
}

/* True: all have come.  False: none has for so long. */
static bool wait_for_all(uint64_t us)
{
    unsigned missing = count_state(CPU_CALLED), before = missing;
    struct deadline d = deadline_us(us);
    while (missing && !deadline_passed(&d)) {
        store_relaxed(&cpus_clock, rdtsc());
        missing = count_state(CPU_CALLED);
        if (missing < before)
            d = deadline_us(us);
        before = missing;
    }
    return !missing;
}

static void leave_out_missing(void)
{
    char ids[64] = "";
    unsigned missing = 0;
    for (unsigned i = 1; i < all.found; i++) {
        uint32_t state = CPU_CALLED;
        size_t used = strlen(ids);
        if (!__atomic_compare_exchange_n(&cpus[i].state, &state, CPU_LEFT_OUT, false,
                                         __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            continue;
        missing++;
        snprintf(ids + used, sizeof ids - used, " %u", (unsigned)cpus[i].apic_id);
    }
    if (missing)
        log_warning("cpus: %u of %u did not come and are left out: APIC ID%s", missing,
                    all.found - 1, ids);
}

/* Exactly as far apart as was seen is not known: at least so much. */
static void compare_clocks(const struct cpu *cpu, uint64_t now)
{
    uint64_t ahead = cpu->tsc > now ? cpu->tsc - now : 0;
    uint64_t us = max_u64(ahead, cpu->tsc_behind) / time_cycles_per_us();
    if (us >= TSC_APART_US)
        log_warning("cpus: the TSC of CPU %u is at least %lu us %s", (unsigned)cpu->number,
                    (unsigned long)us, ahead ? "ahead" : "behind");
}

static void give_numbers(void)
{
    uint64_t now = rdtsc();
    for (unsigned i = 1; i < all.found; i++) {
        struct cpu *cpu = &cpus[i];
        if (cpu->state != CPU_UP)
            continue;
        cpu->number = all.count;
        all.by_number[all.count++] = cpu;
        compare_clocks(cpu, now);
    }
    if (cpuid(0x80000000, 0).eax < CPUID_POWER ||
        !(cpuid(CPUID_POWER, 0).edx & CPUID_POWER_EDX_INVARIANT_TSC))
        log_debug("cpus: the TSC may run at different speeds (not invariant)");
}

unsigned cpus_settle(void)
{
    if (all.found == 1)
        return 1;
    while (!all.called) {
        cpu_relax();
        cpus_call();
    }
    if (!wait_for_all(AGAIN_US)) {
        call_all();
        if (!wait_for_all(COME_US))
            leave_out_missing();
    }
    give_numbers();
    return all.count;
}

/* Later ------------------------------------------------------------------------- */

void cpu_run(unsigned number, void (*run)(unsigned number))
{
    store_release(&all.by_number[number]->run, run);
    cpu_wake(number);
}

/* Either it sees that it was woken before it halts, or we see that it rests. */
void cpu_wake(unsigned number)
{
    struct cpu *cpu = all.by_number[number];
    __atomic_store_n(&cpu->woken, true, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&cpu->resting, __ATOMIC_SEQ_CST))
        apic_send(cpu->apic_id, APIC_SEND_FIXED | APIC_VECTOR_WAKE);
}

/* One CPU alone has not needed its APIC before. */
bool cpus_begin_apic(void)
{
    if (!apic_is_ours() && apic_begin(false))
        cpus[0].apic_id = apic_id();
    return apic_is_ours();
}

bool cpu_message(unsigned number, struct cpu_message *message)
{
    if (!cpus_begin_apic() || number >= all.count)
        return false;
    *message = (struct cpu_message){ all.by_number[number]->apic_id, APIC_VECTOR_DEVICE };
    return true;
}

static bool all_stopped(const struct cpu *self)
{
    for (unsigned i = 0; i < all.found; i++)
        if (&cpus[i] != self && load_acquire(&cpus[i].state) == CPU_UP &&
            !load_acquire(&cpus[i].stopped))
            return false;
    return true;
}

/* Not CPU 0: INIT would send it back to firmware. */
static void reset_stubborn(const struct cpu *self)
{
    for (unsigned i = 1; i < all.found; i++)
        if (&cpus[i] != self && !load_acquire(&cpus[i].stopped))
            apic_send(cpus[i].apic_id, APIC_SEND_INIT);
}

/* One that is still on its way here has nothing to take an NMI with. */
void cpus_stop_others(void)
{
    struct cpu *self = this_cpu();
    if (all.found == 1)
        return;
    for (unsigned i = 0; i < all.found; i++)
        if (&cpus[i] != self && load_acquire(&cpus[i].state) == CPU_UP)
            apic_send(cpus[i].apic_id, APIC_SEND_NMI);
    struct deadline d = deadline_us(STOP_US);
    while (!all_stopped(self) && !deadline_passed(&d)) {
    }
    reset_stubborn(self);
}
