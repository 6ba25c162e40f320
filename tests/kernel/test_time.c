/* kernel/x86/time.c: how fast the TSC runs, by whose word, and what becomes of it in years. */
#include "kernel/time.h"

#include "kernel/startup.h"
#include "tests/host/test.h"
#include "tests/kernel/machine.h"

#define PM_HZ 3579545u
#define PIT_HZ 1193182u
#define PM_BITS 24u
#define YEAR_US (365ull * 24 * 3600 * US_PER_S)

static const uint64_t rates[] = { 800000000, 2399987654, 3000000000, 5200000000 };

static int power_on(void **state)
{
    machine_reset();
    time_start(0);
    return 0;
}

static void assert_rate(uint64_t hz, unsigned one_in)
{
    uint64_t from = machine_tsc, us = time_us();
    machine_tsc = from + 10 * hz;
    assert_in_range(time_us() - us, 10 * US_PER_S - 10 * US_PER_S / one_in,
                    10 * US_PER_S + 10 * US_PER_S / one_in);
    assert_in_range(time_cycles_per_us(), hz / US_PER_S - hz / US_PER_S / one_in - 1,
                    hz / US_PER_S + hz / US_PER_S / one_in);
    machine_tsc = from;
}

/* By their word ------------------------------------------------------------------ */

static void leaf_15h_tells_crystal_and_ratio(void **state)
{
    machine_cpuid(0, 0x16, 0, 0, 0);
    machine_cpuid(0x15, 2, 432, 24000000, 0); /* the product does not fit 32 bits */
    assert_string_equal(time_init(), "CPUID");
    assert_rate(5184000000, 1000000);
}

static void leaf_15h_without_a_crystal_tells_nothing(void **state)
{
    machine_cpuid(0, 0x16, 0, 0, 0);
    machine_cpuid(0x15, 2, 250, 0, 0);
    machine_pm_timer(PM_HZ, PM_BITS, 0);
    assert_string_equal(time_init(), "the ACPI timer");
}

static void a_leaf_beyond_the_last_is_not_looked_at(void **state)
{
    machine_cpuid(0, 0x14, 0, 0, 0);
    machine_cpuid(0x15, 2, 250, 24000000, 0);
    machine_cpuid(0x40000000, 0x40000010, 0, 0, 0); /* and no hypervisor bit in leaf 1 */
    machine_cpuid(0x40000010, 1000000, 0, 0, 0);
    machine_pm_timer(PM_HZ, PM_BITS, 0);
    assert_string_equal(time_init(), "the ACPI timer");
}

static void a_hypervisor_is_believed_before_the_cpu(void **state)
{
    machine_cpuid(0, 0x16, 0, 0, 0);
    machine_cpuid(0x15, 2, 250, 24000000, 0);
    machine_cpuid(1, 0, 0, 1u << 31, 0);
    machine_cpuid(0x40000000, 0x40000010, 0, 0, 0);
    machine_cpuid(0x40000010, 4899998, 0, 0, 0); /* in Hz it does not fit 32 bits */
    assert_string_equal(time_init(), "the hypervisor");
    assert_rate(4899998000, 1000000);
}

static void a_hypervisor_that_does_not_know_leaves_it_to_the_cpu(void **state)
{
    machine_cpuid(0, 0x16, 0, 0, 0);
    machine_cpuid(0x15, 2, 250, 24000000, 0);
    machine_cpuid(1, 0, 0, 1u << 31, 0);
    machine_cpuid(0x40000000, 0x40000010, 0, 0, 0);
    assert_string_equal(time_init(), "CPUID");
    assert_rate(3000000000, 1000000);
}

static void what_is_not_a_number_of_leaves_is_no_hypervisor(void **state)
{
    static const uint32_t most[] = { 0, 0x4000000f, 0x40010000, 0xffffffff };
    for (unsigned i = 0; i < ARRAY_SIZE(most); i++) {
        power_on(state);
        machine_cpuid(0, 0x15, 0, 0, 0);
        machine_cpuid(0x15, 2, 250, 24000000, 0);
        machine_cpuid(1, 0, 0, 1u << 31, 0);
        machine_cpuid(0x40000000, most[i], 0, 0, 0);
        machine_cpuid(0x40000010, 1000000, 0, 0, 0);
        assert_string_equal(time_init(), "CPUID");
        assert_rate(3000000000, 1000000);
    }
}

/* Measured ------------------------------------------------------------------------ */

static void the_acpi_timer_tells_and_goes_round_meanwhile(void **state)
{
    static const uint32_t begin[] = { 0, 0xffffff, 0xfffffe, 0xffff80, 0x7fffff };
    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++)
        for (unsigned k = 0; k < ARRAY_SIZE(begin); k++) {
            power_on(state);
            machine_tsc_hz = rates[i];
            machine_pm_timer(PM_HZ, PM_BITS, begin[k]);
            assert_string_equal(time_init(), "the ACPI timer");
            assert_rate(rates[i], 50);
            assert_int_equal(machine_pit_mode, 0); /* the other one was left alone */
        }
}

static void a_timer_of_32_bits_is_used_by_its_lower_24(void **state)
{
    machine_pm_timer(PM_HZ, 32, 0x00ffff80);
    assert_string_equal(time_init(), "the ACPI timer");
    assert_rate(machine_tsc_hz, 50);
}

static void the_8254_tells_where_there_is_no_acpi_timer(void **state)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++)
        for (unsigned k = 0; k < 8; k++) {
            power_on(state);
            machine_tsc_hz = rates[i];
            machine_tsc = k * rates[i] * 65536 / PIT_HZ / 8 + rates[i] / 40000; /* its phase */
            machine_pit(PIT_HZ);
            assert_string_equal(time_init(), "the 8254");
            assert_int_equal(machine_pit_mode, 0x34); /* channel 0, two bytes, mode 2 */
            assert_rate(rates[i], 30);
        }
}

static void a_timer_that_stands_still_is_given_up(void **state)
{
    machine_pm_timer(0, PM_BITS, 12345);
    machine_pit(PIT_HZ);
    assert_string_equal(time_init(), "the 8254");
    assert_rate(machine_tsc_hz, 30);
    power_on(state);
    machine_pm_timer(0, PM_BITS, 12345);
    assert_string_equal(time_init(), "a guess");
    assert_string_equal(time_source(), "a guess");
    assert_rate(3000000000, 1000000);
    time_settle(); /* against nothing */
    assert_rate(3000000000, 1000000);
}

static void nonsense_told_is_a_guess(void **state)
{
    machine_cpuid(0, 0x15, 0, 0, 0);
    machine_cpuid(0x15, 1000, 1, 999999, 0);
    assert_string_equal(time_init(), "a guess");
    assert_rate(3000000000, 1000000);
}

/* A hypervisor may take the CPU away at any look; for as long as the 8254 takes to go round,
 * what passed counts as nothing.  One such interval is not believed. */
static void being_held_up_once_does_not_spoil_it(void **state)
{
    for (unsigned n = 1; n < 400; n += 3)
        for (unsigned pit = 0; pit < 2; pit++) {
            power_on(state);
            machine_pm_timer(PM_HZ, pit ? 0 : PM_BITS, 0);
            machine_pit(PIT_HZ);
            machine_hold_up(n, machine_tsc_hz * 65536 / PIT_HZ);
            assert_string_equal(time_init(), pit ? "the 8254" : "the ACPI timer");
            assert_rate(machine_tsc_hz, 14);
        }
}

/* Better later ---------------------------------------------------------------------- */

static void the_long_interval_is_better(void **state)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++)
        for (unsigned pit = 0; pit < 2; pit++) {
            power_on(state);
            machine_tsc_hz = rates[i];
            machine_tsc = rates[i] / 20; /* both timers go round within the interval */
            time_start(machine_tsc);
            machine_pm_timer(PM_HZ, pit ? 0 : PM_BITS, 0xffffff - PM_HZ * 3 / 50);
            machine_pit(PIT_HZ);
            time_init();
            machine_tsc += rates[i] / 50; /* 20 ms */
            uint64_t shown = time_us();
            time_settle();
            assert_true(machine_logged(pit ? "by the 8254" : "by the ACPI timer"));
            assert_rate(rates[i], 5000);
            /* What has passed is told by the better measure too, but nothing is taken back. */
            uint64_t passed = (machine_tsc - rates[i] / 20) * US_PER_S / rates[i];
            assert_in_range(time_us(), passed - passed / 2500, max_u64(shown, passed) + 50);
        }
}

/* Of a few looks the tightest counts. */
static void being_held_up_at_the_end_does_not_spoil_it(void **state)
{
    for (unsigned look = 1; look <= 4; look++) {
        power_on(state);
        machine_pm_timer(PM_HZ, PM_BITS, 0);
        time_init();
        machine_tsc += machine_tsc_hz / 50;
        machine_hold_up(look, machine_tsc_hz / 1000);
        time_settle();
        assert_true(machine_logged("kHz"));
        assert_rate(machine_tsc_hz, 3000);
    }
}

static void a_timer_that_stops_later_tells_nothing(void **state)
{
    machine_pm_timer(PM_HZ, PM_BITS, 0);
    time_init();
    machine_pm_timer(0, PM_BITS, 777);
    for (unsigned i = 0; i < 3; i++) {
        machine_tsc += machine_tsc_hz / 50;
        time_settle();
        assert_false(machine_logged("kHz"));
    }
    assert_rate(machine_tsc_hz, 50);
}

static void a_short_interval_changes_nothing(void **state)
{
    machine_pm_timer(PM_HZ, PM_BITS, 0);
    time_init();
    uint64_t before = time_cycles_per_us();
    machine_tsc += machine_tsc_hz / 2000;
    time_settle();
    assert_false(machine_logged("kHz"));
    assert_int_equal(time_cycles_per_us(), before);
    machine_tsc += machine_tsc_hz / 100; /* and it is still measured against */
    time_settle();
    assert_true(machine_logged("kHz"));
}

/* 24 bits are 4.7 s, 16 bits 55 ms: more than half of it, and it may have gone round. */
static void an_interval_as_long_as_the_timer_begins_anew(void **state)
{
    for (unsigned pit = 0; pit < 2; pit++) {
        power_on(state);
        machine_pm_timer(PM_HZ, pit ? 0 : PM_BITS, 0);
        machine_pit(PIT_HZ);
        time_init();
        uint64_t period = pit ? machine_tsc_hz * 65536 / PIT_HZ : machine_tsc_hz / PM_HZ << PM_BITS;
        machine_tsc += 3 * period + period / 10;
        time_settle();
        assert_false(machine_logged("kHz"));
        machine_tsc += period / 3;
        time_settle();
        assert_true(machine_logged("kHz"));
        assert_rate(machine_tsc_hz, 5000);
    }
}

static void an_interval_that_disagrees_begins_anew(void **state)
{
    machine_pm_timer(PM_HZ, PM_BITS, 0);
    time_init();
    machine_tsc += machine_tsc_hz / 50;
    machine_pm_timer(PM_HZ, PM_BITS, 20000); /* it jumps */
    time_settle();
    assert_false(machine_logged("kHz"));
    machine_tsc += machine_tsc_hz / 50;
    time_settle();
    assert_true(machine_logged("kHz"));
    assert_rate(machine_tsc_hz, 5000);
}

static void once_settled_it_stays(void **state)
{
    machine_pm_timer(PM_HZ, PM_BITS, 0);
    time_init();
    machine_tsc += machine_tsc_hz / 50;
    time_settle();
    uint64_t before = time_cycles_per_us();
    machine_pm_timer(PM_HZ / 100 * 101, PM_BITS, 0); /* it would be believed */
    for (unsigned i = 0; i < 3; i++) {
        machine_tsc += machine_tsc_hz / 50;
        time_settle();
    }
    assert_int_equal(time_cycles_per_us(), before);
}

/* The clock -------------------------------------------------------------------------- */

static void it_counts_from_the_first_instruction(void **state)
{
    machine_tsc = 7 * machine_tsc_hz; /* firmware took seven seconds */
    time_start(machine_tsc);
    assert_true(time_us() < 2);
    machine_cpuid(0, 0x15, 0, 0, 0);
    machine_cpuid(0x15, 1, 40, 25000000, 0); /* 1 GHz: slower than the guess */
    machine_tsc += 2000000;
    assert_in_range(time_us(), 600, 700); /* by the guess */
    time_init();
    assert_in_range(time_us(), 2000, 2002); /* all of it, at the new rate */
}

static void it_never_goes_back(void **state)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
        power_on(state);
        machine_tsc_hz = rates[i];
        machine_pm_timer(PM_HZ, PM_BITS, 0);
        machine_tsc += 50000000;
        uint64_t before = time_us();
        time_init();
        assert_true(time_us() >= before);
        for (unsigned k = 0; k < 100; k++) {
            machine_tsc += rates[i] / 777;
            before = time_us();
            time_settle();
            assert_true(time_us() >= before);
        }
    }
}

static void years_do_not_overflow(void **state)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
        power_on(state);
        machine_cpuid(0, 0x15, 0, 0, 0);
        machine_cpuid(0x15, 1, 2, (uint32_t)(rates[i] / 2), 0);
        assert_string_equal(time_init(), "CPUID");
        uint64_t shown = time_us();
        for (unsigned years = 1; years <= 100; years++) {
            machine_tsc = (uint64_t)((unsigned __int128)rates[i] * years * YEAR_US / US_PER_S);
            assert_true(time_us() > shown);
            shown = time_us();
            assert_in_range(shown, years * YEAR_US - years * YEAR_US / 500000, years * YEAR_US + 1);
        }
    }
}

static void the_counter_may_go_round(void **state)
{
    machine_tsc = UINT64_MAX - 1000000;
    time_start(machine_tsc);
    machine_cpuid(0, 0x15, 0, 0, 0);
    machine_cpuid(0x15, 1, 40, 25000000, 0);
    time_init();
    machine_tsc += 5000000;
    assert_true(machine_tsc < 5000000);
    assert_in_range(time_us(), 5000, 5001);
}

static void a_deadline_passes_when_it_is_due(void **state)
{
    machine_cpuid(0, 0x15, 0, 0, 0);
    machine_cpuid(0x15, 1, 40, 25000000, 0);
    time_init();
    machine_tsc = 1000000;
    struct deadline d = deadline_us(500);
    machine_tsc = 1499000;
    assert_false(deadline_passed(&d));
    machine_tsc = 1500100;
    assert_true(deadline_passed(&d));
    uint64_t cycles = time_cycles();
    assert_int_equal(cycles, machine_tsc);
    assert_int_equal(time_us_at(cycles), time_us());
    machine_tsc += 40000;
    assert_int_equal(time_us_at(cycles), time_us() - 40);
}

/* A microsecond that is nearly over when the wait begins does not count as one. */
static void a_delay_lasts_at_least_as_long_as_asked(void **state)
{
    machine_cpuid(0, 0x15, 0, 0, 0);
    machine_cpuid(0x15, 1, 40, 25000000, 0);
    time_init();
    for (uint64_t us = 1; us < 300; us += 7)
        for (unsigned phase = 0; phase < 1000; phase += 13) {
            uint64_t from = machine_tsc += phase;
            time_delay_us(us);
            assert_in_range(machine_tsc - from, us * 1000, us * 1000 + 1100);
        }
}

#define TEST(name) cmocka_unit_test_setup(name, power_on)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(leaf_15h_tells_crystal_and_ratio),
        TEST(leaf_15h_without_a_crystal_tells_nothing),
        TEST(a_leaf_beyond_the_last_is_not_looked_at),
        TEST(a_hypervisor_is_believed_before_the_cpu),
        TEST(a_hypervisor_that_does_not_know_leaves_it_to_the_cpu),
        TEST(what_is_not_a_number_of_leaves_is_no_hypervisor),
        TEST(the_acpi_timer_tells_and_goes_round_meanwhile),
        TEST(a_timer_of_32_bits_is_used_by_its_lower_24),
        TEST(the_8254_tells_where_there_is_no_acpi_timer),
        TEST(a_timer_that_stands_still_is_given_up),
        TEST(nonsense_told_is_a_guess),
        TEST(being_held_up_once_does_not_spoil_it),
        TEST(the_long_interval_is_better),
        TEST(being_held_up_at_the_end_does_not_spoil_it),
        TEST(a_timer_that_stops_later_tells_nothing),
        TEST(a_short_interval_changes_nothing),
        TEST(an_interval_as_long_as_the_timer_begins_anew),
        TEST(an_interval_that_disagrees_begins_anew),
        TEST(once_settled_it_stays),
        TEST(it_counts_from_the_first_instruction),
        TEST(it_never_goes_back),
        TEST(years_do_not_overflow),
        TEST(the_counter_may_go_round),
        TEST(a_deadline_passes_when_it_is_due),
        TEST(a_delay_lasts_at_least_as_long_as_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
