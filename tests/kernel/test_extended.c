/* kernel/x86/extended.c: which wide instructions may be used, by what CPUID says and XCR0 then has.
 * The CPU of the tests ends them where a real one faults. */
#include "kernel/cpu_features.h"
#include "tests/host/test.h"
#include "tests/kernel/machine.h"

#include <string.h>

/* As remembered (unread: SDM vol. 2A, CPUID; vol. 3A, 2.6), not from the files under test. */
#define SSSE3_THERE ((1u << 0) | (1u << 9))
#define SSE42_THERE (SSSE3_THERE | 1u << 19 | 1u << 20)
#define POPCNT_THERE (1u << 23)
#define XSAVE_THERE (1u << 26)
#define AVX_THERE (1u << 28)
#define BEFORE_AVX2 (SSE42_THERE | POPCNT_THERE | XSAVE_THERE | AVX_THERE)
#define AVX2_THERE (1u << 5)
#define AVX512_THERE (1u << 16 | 1u << 17 | 1u << 30 | 1u << 31)
#define PKRU 0x200u
#define OSXSAVE (1u << 18)
#define UP_TO_AVX2 (CPU_POPCNT | CPU_SSSE3 | CPU_AVX2)

static int set_up(void **state)
{
    (void)state;
    machine_reset();
    return 0;
}

static void has(uint32_t ecx, uint32_t ebx, uint32_t states)
{
    machine_cpuid(0, 0xd, 0, 0, 0);
    machine_cpuid(1, 0, 0, ecx, 0);
    machine_cpuid(7, 0, ebx, 0, 0);
    machine_cpuid(0xd, states, 0, 0, 0);
}

static void a_cpu_without_any_has_none(void **state)
{
    has(0, 0, 0);
    cpu_features_begin();
    assert_int_equal(cpu_features(), 0);
    assert_int_equal(machine_cr4, 0);
    assert_int_equal(machine_xcr0, 0);
    assert_int_equal(machine_mxcsr, 0x1f80);
}

static void avx2_comes_with_its_state(void **state)
{
    machine_cr4 = 0x660;
    has(BEFORE_AVX2, AVX2_THERE, 0x7);
    cpu_features_begin();
    assert_int_equal(cpu_features(), UP_TO_AVX2);
    assert_int_equal(machine_cr4, 0x660 | OSXSAVE);
    assert_int_equal(machine_xcr0, 0x7);
    assert_true(cpu_has(CPU_AVX2 | CPU_SSSE3));
    assert_false(cpu_has(CPU_AVX2 | CPU_AVX512));
}

static void avx512_comes_with_all_three(void **state)
{
    has(BEFORE_AVX2, AVX2_THERE | AVX512_THERE, 0xe7 | PKRU);
    cpu_features_begin();
    assert_int_equal(cpu_features(), UP_TO_AVX2 | CPU_AVX512);
    assert_int_equal(machine_xcr0, 0xe7); /* and nothing that is not asked for */
    for (uint32_t lost = 0x20; lost <= 0x80; lost <<= 1) {
        has(BEFORE_AVX2, AVX2_THERE | AVX512_THERE, 0xe7 & ~lost);
        cpu_features_begin();
        assert_int_equal(cpu_features(), UP_TO_AVX2);
        assert_int_equal(machine_xcr0, 0x7);
    }
}

/* The state is there, an instruction is not. */
static void what_a_hypervisor_hides_is_not_used(void **state)
{
    const uint32_t needed[] = { 1u << 0, 1u << 9, 1u << 19, 1u << 20, 1u << 23, 1u << 28 };
    for (unsigned i = 0; i < ARRAY_SIZE(needed); i++) {
        has(BEFORE_AVX2 & ~needed[i], AVX2_THERE | AVX512_THERE, 0xe7);
        cpu_features_begin();
        assert_false(cpu_features() & (CPU_AVX2 | CPU_AVX512));
        assert_int_equal(cpu_has(CPU_POPCNT), needed[i] != 1u << 23);
        assert_int_equal(cpu_has(CPU_SSSE3), needed[i] > 1u << 9);
    }
    for (unsigned bit = 0; bit < 32; bit++) {
        if (!(AVX512_THERE >> bit & 1))
            continue;
        has(BEFORE_AVX2, AVX2_THERE | (AVX512_THERE & ~(1u << bit)), 0xe7);
        cpu_features_begin();
        assert_int_equal(cpu_features(), UP_TO_AVX2);
    }
    has(BEFORE_AVX2, AVX512_THERE, 0xe7);
    cpu_features_begin();
    assert_int_equal(cpu_features(), CPU_POPCNT | CPU_SSSE3);
}

/* The instructions are there, the state is not, or nothing to switch it on with. */
static void without_the_state_avx_stays_off(void **state)
{
    has(BEFORE_AVX2 & ~XSAVE_THERE, AVX2_THERE | AVX512_THERE, 0xe7);
    cpu_features_begin();
    assert_int_equal(cpu_features(), CPU_POPCNT | CPU_SSSE3);
    assert_int_equal(machine_cr4, 0);
    has(BEFORE_AVX2, AVX2_THERE | AVX512_THERE, 0x3);
    cpu_features_begin();
    assert_int_equal(cpu_features(), CPU_POPCNT | CPU_SSSE3);
    assert_int_equal(machine_xcr0, 0x3);
}

/* Leaves beyond the last answer like others. */
static void leaves_beyond_the_last_are_not_asked(void **state)
{
    has(BEFORE_AVX2, AVX2_THERE | AVX512_THERE, 0xe7);
    machine_cpuid(0, 6, 0, 0, 0);
    cpu_features_begin();
    assert_int_equal(cpu_features(), CPU_POPCNT | CPU_SSSE3);
    assert_int_equal(machine_xcr0, 0x3);
}

static void what_one_cpu_lacks_none_has(void **state)
{
    has(BEFORE_AVX2, AVX2_THERE | AVX512_THERE, 0xe7);
    cpu_features_begin();
    has(BEFORE_AVX2, AVX2_THERE, 0x7);
    cpu_features_join();
    assert_int_equal(cpu_features(), UP_TO_AVX2);
    has(SSE42_THERE, 0, 0);
    machine_cr4 = machine_xcr0 = 0;
    cpu_features_join();
    assert_int_equal(cpu_features(), CPU_SSSE3);
    assert_int_equal(machine_cr4, 0);
    has(BEFORE_AVX2, AVX2_THERE | AVX512_THERE, 0xe7);
    cpu_features_join();
    assert_int_equal(cpu_features(), CPU_SSSE3);
}

static void they_are_told_by_name(void **state)
{
    char text[32];
    cpu_features_text(0, text, sizeof text);
    assert_string_equal(text, "none");
    cpu_features_text(CPU_SSSE3, text, sizeof text);
    assert_string_equal(text, "ssse3");
    cpu_features_text(UP_TO_AVX2 | CPU_AVX512, text, sizeof text);
    assert_string_equal(text, "popcnt ssse3 avx2 avx512");
    cpu_features_text(UP_TO_AVX2 | CPU_AVX512, text, 9);
    assert_string_equal(text, "popcnt s");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_cpu_without_any_has_none),      TEST(avx2_comes_with_its_state),
        TEST(avx512_comes_with_all_three),     TEST(what_a_hypervisor_hides_is_not_used),
        TEST(without_the_state_avx_stays_off), TEST(leaves_beyond_the_last_are_not_asked),
        TEST(what_one_cpu_lacks_none_has),     TEST(they_are_told_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
