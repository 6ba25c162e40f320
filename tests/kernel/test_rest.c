/* kernel/x86/rest.c: the APIC's timer is measured beside the work, and a halt ends by it or before.
 * The APIC is a record of what was written, and a counter. */
#include "kernel/acpi.h"
#include "kernel/cpus.h"
#include "kernel/memory.h"
#include "kernel/startup.h"
#include "kernel/time.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/percpu.h"
#include "tests/host/test.h"
#include "tests/kernel/machine.h"

#include <string.h>

/* As remembered (unread: SDM vol. 3), not from apic.c. */
#define EOI 0xb0u
#define SVR 0xf0u
#define LVT_TIMER 0x320u
#define INITIAL 0x380u
#define CURRENT 0x390u
#define CYCLES_PER_US 3000u
#define TICKS_PER_US 60u

static struct boot_info info;
static uint32_t registers[0x400];
static uint64_t started_tsc, base;
static unsigned halts, ends;
static uint32_t halted_with; /* ticks, when it halted */
static bool has_timer, took_away;

static uint64_t apic_read(uint32_t what)
{
    uint64_t ticks = (machine_tsc - started_tsc) * TICKS_PER_US / CYCLES_PER_US;
    if (what != CURRENT)
        return registers[what];
    if (took_away)
        machine_tsc += 100 * CYCLES_PER_US;
    took_away = false;
    return has_timer ? registers[INITIAL] - ticks : registers[INITIAL];
}

static void apic_write(uint32_t what, uint64_t value)
{
    registers[what] = (uint32_t)value;
    if (what == INITIAL)
        started_tsc = machine_tsc;
    ends += what == EOI;
}

static uint64_t msr_read(uint32_t what)
{
    return what == 0x1b ? base : 0;
}

static void msr_write(uint32_t what, uint64_t value)
{
    if (what == 0x1b)
        base = value;
}

static void halt(void)
{
    halts++;
    halted_with = registers[INITIAL];
    assert_true(cpus[0].resting);
}

static int set_up(void **state)
{
    machine_reset();
    machine_tsc = 1000000ull * CYCLES_PER_US;
    time_start(0);
    cpus_reset();
    cpu_rest_reset();
    memset(&info, 0, sizeof info);
    memset(registers, 0, sizeof registers);
    machine_add_ram(&info, LOW_RAM, 64 * MIB);
    memory_init(&info);
    machine_cpuid(1, 0, 0, 0, 1u << 9);
    machine_mmio = (struct machine_registers){ apic_read, apic_write };
    machine_msrs = (struct machine_registers){ msr_read, msr_write };
    machine_halts = halt;
    base = 0xfee00900;
    halts = ends = 0;
    has_timer = true;
    took_away = false;
    return 0;
}

static void measure(void)
{
    assert_false(cpu_can_rest());
    machine_tsc += 2000 * CYCLES_PER_US;
    assert_true(cpu_can_rest());
}

static void nothing_waits_for_the_timers_rate(void **state)
{
    assert_false(cpu_can_rest());
    assert_true(registers[SVR] & 0x100);         /* the APIC is on, */
    assert_true(registers[LVT_TIMER] & 0x10000); /* its timer masked */
    uint64_t before = machine_tsc;
    assert_false(cpu_can_rest());
    assert_in_range(machine_tsc - before, 0, CYCLES_PER_US);
    cpu_rest(1000);
    assert_int_equal(halts, 0);
    machine_tsc += 2000 * CYCLES_PER_US;
    assert_true(cpu_can_rest());
}

static void the_timer_ends_a_halt(void **state)
{
    measure();
    ends = 0;
    cpu_rest(5000);
    assert_int_equal(halts, 1);
    assert_in_range(halted_with, 5000 * TICKS_PER_US * 99 / 100, 5000 * TICKS_PER_US * 101 / 100);
    assert_int_equal(registers[LVT_TIMER], APIC_VECTOR_TIMER);
    assert_int_equal(ends, 1);
    assert_int_equal(registers[INITIAL], 0); /* it is not to come later */
    assert_false(cpus[0].resting);
}

static void without_a_limit_no_timer_runs(void **state)
{
    measure();
    registers[INITIAL] = 0;
    cpu_rest(0);
    assert_int_equal(halts, 1);
    assert_int_equal(halted_with, 0);
}

/* QEMU's emulator says who it is; KVM and a CPU by itself have nothing from it. */
static void only_an_emulator_has_its_tlb_emptied(void **state)
{
    static const struct {
        uint32_t ecx;
        const char *name;
        unsigned writes;
    } machine[] = { { 0, "", 0 },
                    { 1u << 31, "KVMKVMKVM\0\0\0", 0 },
                    { 1u << 31, "TCGTCGTCGTCG", 1 },
                    { 0, "TCGTCGTCGTCG", 0 } };
    for (unsigned i = 0; i < ARRAY_SIZE(machine); i++) {
        char name[16] = { 0 };
        uint32_t words[3];
        memcpy(name, machine[i].name, i ? 12 : 0); /* with its zeros */
        memcpy(words, name, sizeof words);
        machine_cpuid(1, 0, 0, machine[i].ecx, 0);
        machine_cpuid(0x40000000, 0, words[0], words[1], words[2]);
        cpu_rest_reset();
        machine_cr3 = 0x7000;
        machine_cr3_writes = 0;
        cpu_empty_tlb();
        assert_int_equal(machine_cr3_writes, machine[i].writes);
        assert_int_equal(machine_cr3, 0x7000);
    }
}

static void who_was_woken_before_does_not_halt(void **state)
{
    measure();
    cpu_wake(0);
    cpu_rest(1000);
    assert_int_equal(halts, 0);
    cpu_rest(1000);
    assert_int_equal(halts, 1);
}

/* A hypervisor runs somebody else between two looks: that is no measure. */
static void a_measure_that_was_held_up_is_none(void **state)
{
    assert_false(cpu_can_rest());
    machine_tsc += 2000 * CYCLES_PER_US;
    took_away = true;
    assert_false(cpu_can_rest());
    assert_true(cpu_can_rest());
    cpu_rest(1000);
    assert_in_range(halted_with, 1000 * TICKS_PER_US * 99 / 100, 1000 * TICKS_PER_US * 101 / 100);
}

static void without_a_timer_nobody_rests(void **state)
{
    has_timer = false;
    assert_false(cpu_can_rest());
    machine_tsc += 2000 * CYCLES_PER_US;
    assert_false(cpu_can_rest());
    cpu_rest(1000);
    assert_int_equal(halts, 0);
    set_up(NULL);
    cpus_reset();
    machine_cpuid(1, 0, 0, 0, 0);
    base = 0;
    machine_mmio = (struct machine_registers){ NULL, NULL };
    for (unsigned i = 0; i < 3; i++)
        assert_false(cpu_can_rest());
}

static void devices_are_told_where_we_are(void **state)
{
    struct cpu_message message;
    registers[0x20] = 5u << 24;
    assert_true(cpu_message(0, &message));
    assert_int_equal(message.apic_id, 5);
    assert_int_equal(message.vector >> 4, APIC_VECTOR_WAKE >> 4); /* one priority class */
    assert_int_equal(APIC_VECTOR_TIMER >> 4, APIC_VECTOR_WAKE >> 4);
    assert_false(cpu_message(1, &message));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        T(nothing_waits_for_the_timers_rate),  T(the_timer_ends_a_halt),
        T(without_a_limit_no_timer_runs),      T(who_was_woken_before_does_not_halt),
        T(a_measure_that_was_held_up_is_none), T(without_a_timer_nobody_rests),
        T(devices_are_told_where_we_are),      T(only_an_emulator_has_its_tlb_emptied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
