/* ixgbe.c with ixgbe_sriov.c, and ixgbevf.c (vf_pair.h). */
#include "tests/models/ixgbe_model.h"

static struct ixgbe_model model;
static enum ixgbe_model_chip chip;

#define MODEL(function) ixgbe_model_##function
#define TOLD_MS 0u
#define PF_MTU 9000 /* else an 82599's VFs have no long frames */
#define UNISOLATED (chip == IXGBE_MODEL_X540)
#define FRAME_IS(bytes, mtu) /* with and without room for tags */ \
    ((bytes) == (mtu) + 26u || (bytes) == (mtu) + 18u)
#define LOOK_MESSAGES 1u
#define COMES(port) (void)(port)

#include "tests/models/vf_pair.h"

int main(void)
{
    const struct CMUnitTest tests[] = { PAIR_TESTS };
    int failed = conformance("ixgbevf_with_ixgbe_82599", IXGBE_MODEL_82599, 1);
    failed += conformance("ixgbevf_with_ixgbe_x540", IXGBE_MODEL_X540, 1);
    failed += conformance("ixgbevf_beside_62", IXGBE_MODEL_82599, 63);
    failed += cmocka_run_group_tests_name("x540", tests, NULL, NULL);
    chip = IXGBE_MODEL_82599;
    return failed + cmocka_run_group_tests_name("82599", tests, NULL, NULL);
}
