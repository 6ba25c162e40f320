/* kernel/x86/cpus.c and apic.c: other CPUs are found, reset, started, and left out when they do not
 * come.  Their local APICs are a record of what was sent, and a script of what each then does. */
#include "kernel/acpi.h"
#include "kernel/cpus.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/percpu.h"
#include "tests/host/test.h"
#include "tests/kernel/machine.h"

#include <stdlib.h>
#include <string.h>

/* As remembered (unread: SDM vol. 3), not from apic.c. */
#define INIT 0x4500u
#define START 0x4600u
#define NMI 0x4400u
#define OURS 7u
#define LOW_RAM_PAGE 0x8f000u
#define MADT_MAX 600u
#define SENT_MAX 4096u
#define CYCLES_PER_US 3000u
#define NEVER 0u

static struct boot_info info;
static struct acpi_cpu madt[MADT_MAX];

static struct sent {
    uint32_t id, what;
    uint64_t tsc;
} sent[SENT_MAX];
static unsigned sent_count;
static uint64_t apic_base, icr_high;

/* What a CPU does: comes at its n-th start-up IPI, so many cycles later. */
static struct script {
    unsigned comes_at;
    uint64_t later;
    unsigned started;
    uint64_t comes_tsc; /* 0: is not on its way */
    int64_t apart;      /* its TSC's distance to ours */
} scripts[MADT_MAX];

static struct script *script_of(uint32_t id)
{
    for (unsigned i = 0; i < machine_cpu_count; i++)
        if (madt[i].apic_id == id)
            return &scripts[i];
    return NULL;
}

static void start_ipi(uint32_t id)
{
    struct script *s = script_of(id);
    if (++s->started == s->comes_at)
        s->comes_tsc = machine_tsc + s->later + 1;
}

/* As cpu_begin.c has it. */
static void come(struct cpu *cpu, const struct script *s)
{
    uint64_t clock = machine_tsc; /* CPU 0's was read before */
    cpu->tsc = machine_tsc + (uint64_t)s->apart;
    cpu->tsc_behind = clock > cpu->tsc ? clock - cpu->tsc : 0;
    cpu->state = CPU_UP;
}

static void time_passes(void)
{
    for (unsigned i = 1; i < CPUS_MAX; i++) {
        struct script *s = cpus[i].state == CPU_CALLED ? script_of(cpus[i].apic_id) : NULL;
        if (s && s->comes_tsc && machine_tsc >= s->comes_tsc)
            come(&cpus[i], s);
    }
}

static void record(uint32_t id, uint32_t what)
{
    assert_true(sent_count < SENT_MAX);
    sent[sent_count++] = (struct sent){ id, what, machine_tsc };
    if ((what & ~0xffu) == START)
        start_ipi(id);
}

static uint64_t xapic_read(uint32_t what)
{
    return what == 0x20 ? OURS << 24 : 0;
}

static void xapic_write(uint32_t what, uint64_t value)
{
    if (what == 0x310)
        icr_high = value;
    if (what == 0x300)
        record((uint32_t)icr_high >> 24, (uint32_t)value);
}

static uint64_t msr_read(uint32_t what)
{
    return what == 0x1b ? apic_base : what == 0x802 ? OURS : 0;
}

static void msr_write(uint32_t what, uint64_t value)
{
    if (what == 0x1b)
        apic_base = value;
    if (what == 0x830)
        record((uint32_t)(value >> 32), (uint32_t)value);
}

/* A machine with so many CPUs, ours among them, whose IDs are first, first + 1, ... */
static void machine(unsigned count, uint32_t first)
{
    machine_cpu_count = count;
    for (unsigned i = 0; i < count; i++) {
        madt[i] = (struct acpi_cpu){ .apic_id = i ? first + i - 1 : OURS, .enabled = true };
        scripts[i] = (struct script){ .comes_at = 1, .later = 100 * CYCLES_PER_US };
    }
    machine_cpus = madt;
}

static void features(bool guest, bool x2)
{
    machine_cpuid(0x80000000, 0x80000008, 0, 0, 0);
    machine_cpuid(0x80000007, 0, 0, 0, 1u << 8);
    machine_cpuid(0x80000008, 46, 0, 0, 0);
    machine_cpuid(1, 0, 0, (guest ? 1u << 31 : 0) | (x2 ? 1u << 21 : 0), 1u << 9);
}

static int set_up(void **state)
{
    machine_reset();
    machine_tsc = 1000000ull * CYCLES_PER_US;
    cpus_reset();
    memset(&info, 0, sizeof info);
    machine_add_ram(&info, 0x80000, 0x20000);
    machine_add_ram(&info, LOW_RAM, 64 * MIB);
    memory_init(&info);
    features(true, false);
    sent_count = 0;
    apic_base = 0xfee00900;
    cpus[0].state = CPU_UP;
    machine_mmio = (struct machine_registers){ xapic_read, xapic_write };
    machine_msrs = (struct machine_registers){ msr_read, msr_write };
    machine_waits = time_passes;
    return 0;
}

static unsigned boot(unsigned most)
{
    cpus_find(most);
    cpus_call();
    return cpus_settle();
}

static unsigned count_sent(uint32_t id, uint32_t what)
{
    unsigned count = 0;
    for (unsigned i = 0; i < sent_count; i++)
        count += sent[i].id == id && sent[i].what == what;
    return count;
}

static const struct sent *first_sent(uint32_t what)
{
    for (unsigned i = 0; i < sent_count; i++)
        if (sent[i].what == what)
            return &sent[i];
    fail();
    return NULL;
}

#define START_HERE (START | LOW_RAM_PAGE >> 12)

static void alone_nothing_is_touched(void **state)
{
    machine_mmio = machine_msrs = (struct machine_registers){ NULL, NULL };
    machine(1, 0);
    assert_int_equal(boot(0), 1);
    cpus_reset();
    machine(4, 20);
    assert_int_equal(boot(1), 1);
    machine_cpu_count = 0; /* no MADT */
    assert_int_equal(boot(0), 1);
    assert_int_equal(cpus_count(), 1);
}

static void each_is_reset_and_started_where_the_code_is(void **state)
{
    machine(4, 20);
    assert_int_equal(boot(0), 4);
    assert_int_equal(sent_count, 6);
    for (uint32_t id = 20; id < 23; id++) {
        assert_int_equal(count_sent(id, INIT), 1);
        assert_int_equal(count_sent(id, START_HERE), 1);
    }
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(sent[i].what, INIT); /* all of them, before any is started */
    assert_string_equal((char *)LOW_RAM_PAGE, "code for other CPUs");
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(cpus[i].number, i);
    assert_false(machine_logged("cpus: "));
}

static void nothing_is_executable_that_is_writable(void **state)
{
    machine(4, 20);
    boot(0);
    assert_false(machine_walk(LOW_RAM_PAGE).executable);
    assert_int_equal(machine_writable_code(), 0);
}

/* Each of three stacks a CPU, the page below it unmapped. */
static void stacks_have_guard_pages(void **state)
{
    machine(3, 20);
    boot(0);
    for (unsigned i = 1; i < 3; i++) {
        extern uint64_t cpu_stack_top[CPUS_MAX];
        const uint64_t tops[] = { cpu_stack_top[i - 1], cpus[i].tss.ist[0], cpus[i].tss.ist[1] };
        for (unsigned k = 0; k < 3; k++) {
            uint64_t at = tops[k] - PAGE_SIZE;
            unsigned pages = 0;
            for (; machine_walk(at).present; at -= PAGE_SIZE)
                pages++;
            assert_in_range(pages, 4, 16);
            assert_true(machine_walk(tops[k] - 8).writable);
            assert_false(machine_walk(tops[k] - 8).executable);
        }
    }
    assert_int_equal(machine_mapped(STACKS_BASE, HEAP_BASE), 2 * 64 * 1024);
}

/* SDM 253668-032 8.4.4.1: 10 ms on metal; where there is a hypervisor nobody waits. */
static void metal_has_its_ten_milliseconds(void **state)
{
    features(false, false);
    machine(2, 20);
    cpus_find(0);
    cpus_call();
    assert_int_equal(sent_count, 1);
    assert_int_equal(cpus_settle(), 2);
    assert_in_range(first_sent(START_HERE)->tsc - first_sent(INIT)->tsc, 10000 * CYCLES_PER_US,
                    10100 * CYCLES_PER_US);
    set_up(NULL);
    machine(2, 20);
    cpus_find(0);
    cpus_call();
    assert_in_range(first_sent(START_HERE)->tsc - first_sent(INIT)->tsc, 0, CYCLES_PER_US);
}

static void time_spent_elsewhere_counts(void **state)
{
    features(false, false);
    machine(2, 20);
    cpus_find(0);
    machine_tsc += 10000 * CYCLES_PER_US;
    cpus_call();
    machine_tsc += 1000 * CYCLES_PER_US;
    time_passes();
    uint64_t before = machine_tsc;
    assert_int_equal(cpus_settle(), 2);
    assert_in_range(machine_tsc - before, 0, 10 * CYCLES_PER_US);
}

static void only_who_is_missing_is_called_again(void **state)
{
    machine(4, 20);
    scripts[2].comes_at = 2;
    assert_int_equal(boot(0), 4);
    assert_int_equal(count_sent(20, START_HERE), 1);
    assert_int_equal(count_sent(21, START_HERE), 2);
    assert_int_equal(count_sent(22, START_HERE), 1);
}

static void who_does_not_come_is_told_and_left_out(void **state)
{
    machine(5, 20);
    scripts[1].comes_at = scripts[3].comes_at = NEVER;
    uint64_t before = machine_tsc;
    assert_int_equal(boot(0), 3);
    assert_in_range(machine_tsc - before, 1000000ull * CYCLES_PER_US, 1010000ull * CYCLES_PER_US);
    assert_true(machine_logged("cpus: 2 of 4 did not come and are left out: APIC ID 20 22"));
    assert_int_equal(cpus[2].number, 1); /* numbers have no gaps */
    assert_int_equal(cpus[4].number, 2);
    assert_int_equal(cpus[1].state, CPU_LEFT_OUT);
    cpu_wake(1);
    assert_true(cpus[2].woken);
}

/* One after the other, each later than the second call: the limit is for all of nothing happening.
 */
static void slow_ones_are_waited_for(void **state)
{
    machine(4, 20);
    for (unsigned i = 1; i < 4; i++)
        scripts[i].later = i * 900000ull * CYCLES_PER_US;
    assert_int_equal(boot(0), 4);
    assert_false(machine_logged("did not come"));
}

static void who_is_not_enabled_is_not_called(void **state)
{
    machine(4, 20);
    madt[2].enabled = false;
    madt[2].online_capable = true;
    assert_int_equal(boot(0), 3);
    assert_int_equal(count_sent(21, INIT), 0);
    for (unsigned i = 0; i < sent_count; i++)
        assert_int_not_equal(sent[i].id, OURS);
}

static void as_many_as_are_wanted(void **state)
{
    machine(8, 20);
    assert_int_equal(boot(3), 3);
    assert_int_equal(count_sent(22, INIT), 0);
    set_up(NULL);
    machine(2, 20);
    assert_int_equal(boot(9), 2);
    assert_true(machine_logged("cores=9, but there are 2"));
    set_up(NULL);
    machine(1, 20);
    assert_int_equal(boot(2), 1);
    assert_true(machine_logged("cores=2, but there are 1"));
}

static void more_than_we_have_places_for(void **state)
{
    machine(100, 20);
    assert_int_equal(boot(0), 64);
    assert_true(machine_logged("cpus: 36 are not used, 64 is the most"));
    set_up(NULL);
    machine(600, 256);
    features(true, true);
    assert_int_equal(boot(0), 64);
}

/* 255 is everybody in xAPIC mode (10.6.1), so such IDs need the other one. */
static void high_ids_need_x2apic_mode(void **state)
{
    features(true, true);
    machine(3, 254);
    assert_int_equal(boot(0), 3);
    assert_int_equal(apic_base & 0xc00, 0xc00);
    assert_int_equal(count_sent(255, INIT), 1);
    assert_int_equal(count_sent(255, START_HERE), 1);
    set_up(NULL);
    machine(3, 254);
    assert_int_equal(boot(0), 2);
    assert_int_equal(apic_base & 0xc00, 0x800);
    assert_int_equal(count_sent(255, INIT), 0);
    assert_true(machine_logged("1 cannot be reached without x2APIC mode"));
}

static void x2apic_mode_stays_on(void **state)
{
    apic_base |= 0x400;
    machine_mmio = (struct machine_registers){ NULL, NULL };
    machine(2, 20);
    assert_int_equal(boot(0), 2);
    assert_int_equal(count_sent(20, START_HERE), 1);
}

static void without_an_apic_or_a_place_there_is_one(void **state)
{
    machine_cpuid(1, 0, 0, 0, 0);
    machine(2, 20);
    assert_int_equal(boot(0), 1);
    assert_true(machine_logged("no local APIC"));
    set_up(NULL);
    info.memory[0] = (struct boot_memory){ 0x90000, 0x10000 };
    machine(2, 20);
    assert_int_equal(boot(0), 1);
    assert_true(machine_logged("no memory below 1 MiB"));
    assert_int_equal(sent_count, 0);
}

/* Another CPU for each 512 KiB that are free. */
static void who_has_no_memory_is_not_called(void **state)
{
    machine(4, 20);
    while (page_alloc(MIB, 0, 0)) {
    }
    for (struct memory_stats s = { .free = ~0ull }; s.free > 700 * 1024; memory_stats(&s))
        assert_non_null(page_alloc(PAGE_SIZE, 0, 0));
    assert_int_equal(boot(0), 2);
    assert_true(machine_logged("cpus: no memory for 2 of them"));
    assert_int_equal(count_sent(21, INIT) + count_sent(22, INIT), 0);
    set_up(NULL);
    machine(4, 20);
    while (page_alloc(PAGE_SIZE, 0, 0)) {
    }
    assert_int_equal(boot(0), 1);
    assert_int_equal(sent_count, 0);
}

static void clocks_that_are_apart_are_told(void **state)
{
    machine(4, 20);
    scripts[1].apart = -20000 * (int)CYCLES_PER_US;
    scripts[2].apart = 20000 * (int)CYCLES_PER_US;
    assert_int_equal(boot(0), 4);
    assert_true(machine_logged("TSC of CPU 1 is at least 20000 us behind"));
    assert_true(machine_logged("TSC of CPU 2 is at least 19"));
    assert_false(machine_logged("TSC of CPU 3"));
}

/* cpus.h: cheap when it does not rest. */
static void only_who_rests_is_sent_an_interrupt(void **state)
{
    machine(2, 20);
    boot(0);
    sent_count = 0;
    cpu_wake(1);
    assert_int_equal(sent_count, 0);
    assert_true(cpus[1].woken);
    cpus[1].resting = true;
    cpu_wake(1);
    assert_int_equal(count_sent(20, 0x4000 | APIC_VECTOR_WAKE), 1);
}

/* Whoever stops by the NMI is left alone; who does not is reset; CPU 0 never is. */
static void a_panic_stops_the_others(void **state)
{
    machine(4, 20);
    scripts[3].comes_at = NEVER;
    assert_int_equal(boot(0), 3);
    cpus[1].stopped = true;
    sent_count = 0;
    uint64_t before = machine_tsc;
    cpus_stop_others();
    assert_in_range(machine_tsc - before, 100000ull * CYCLES_PER_US, 101000ull * CYCLES_PER_US);
    assert_int_equal(count_sent(20, NMI), 1);
    assert_int_equal(count_sent(21, NMI), 1);
    assert_int_equal(count_sent(22, NMI), 0); /* has no handler */
    assert_int_equal(count_sent(20, INIT), 0);
    assert_int_equal(count_sent(21, INIT), 1);
    assert_int_equal(count_sent(22, INIT), 1);
    assert_int_equal(count_sent(OURS, INIT) + count_sent(OURS, NMI), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        T(alone_nothing_is_touched),
        T(each_is_reset_and_started_where_the_code_is),
        T(nothing_is_executable_that_is_writable),
        T(stacks_have_guard_pages),
        T(metal_has_its_ten_milliseconds),
        T(time_spent_elsewhere_counts),
        T(only_who_is_missing_is_called_again),
        T(who_does_not_come_is_told_and_left_out),
        T(slow_ones_are_waited_for),
        T(who_is_not_enabled_is_not_called),
        T(as_many_as_are_wanted),
        T(more_than_we_have_places_for),
        T(high_ids_need_x2apic_mode),
        T(x2apic_mode_stays_on),
        T(without_an_apic_or_a_place_there_is_one),
        T(who_has_no_memory_is_not_called),
        T(clocks_that_are_apart_are_told),
        T(only_who_rests_is_sent_an_interrupt),
        T(a_panic_stops_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
