/* igb_rig.c - igb.c on the igb model (igb_rig.h). */
#include "tests/models/igb_rig.h"

#include "tests/host/test.h"

struct igb_rig rig;
const uint8_t rig_mac[MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

static struct pci_function *function(void)
{
    return rig.model.function;
}

bool rig_inject(const uint8_t *frame, uint32_t length)
{
    return igb_model_inject(&rig.model, frame, length);
}

uint32_t rig_take(uint8_t *frame, uint32_t size)
{
    return igb_model_take(&rig.model, frame, size);
}

static unsigned violations(void)
{
    return igb_model_violations(&rig.model);
}

const struct nic_model rig_igb = { .driver = "igb",
                                   .function = function,
                                   .inject = rig_inject,
                                   .take = rig_take,
                                   .violations = violations };

int rig_set_up(void **state)
{
    nic_set_up(&rig_igb);
    igb_model_init(&rig.model, IGB_MODEL_82576, rig_mac);
    return 0;
}

int rig_tear_down(void **state)
{
    nic_tear_down();
    return 0;
}

uint32_t rig_reg(uint32_t offset)
{
    return igb_model_reg(&rig.model, offset);
}

void rig_run(uint16_t queues)
{
    assert_int_equal(nic_start(queues, queues), 0);
}
