/* ixgbevf.c: the PF is lost and found (vf_recovery.h). */
#include "tests/models/ixgbevf_bench.h"

#include "tests/models/vf_recovery.h"

int main(void)
{
    const struct CMUnitTest tests[] = { RECOVERY_TESTS };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
