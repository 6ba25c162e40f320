/* igb.c with igb_pf.c, and igbvf.c (vf_pair.h). */
#include "tests/models/igb_model.h"

static struct igb_model model;
static enum igb_model_chip chip;

#define MODEL(function) igb_model_##function
#define TOLD_MS 0u
#define PF_MTU MTU_DEFAULT
#define UNISOLATED false
#define FRAME_IS(bytes, mtu) ((bytes) == FRAME_LIMIT(mtu) + ETHERNET_FCS)
#define LOOK_MESSAGES 1u
#define COMES(port) (void)(port)

#include "tests/models/vf_pair.h"

int main(void)
{
    const struct CMUnitTest tests[] = { PAIR_TESTS };
    int failed = conformance("igbvf_with_igb_82576", IGB_MODEL_82576, 1);
    failed += conformance("igbvf_with_igb_i350", IGB_MODEL_I350, 1);
    failed += cmocka_run_group_tests_name("i350", tests, NULL, NULL);
    chip = IGB_MODEL_82576;
    return failed + cmocka_run_group_tests_name("82576", tests, NULL, NULL);
}
