/* ixgbe_rig.c - ixgbe.c on the model of an 82599 or X540 (ixgbe_rig.h). */
#include "tests/models/ixgbe_rig.h"

#include "kernel/time.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

struct ixgbe_rig ixgbe_rig;
const uint8_t ixgbe_rig_mac[MAC_LEN] = { 0x00, 0x1b, 0x21, 0x12, 0x34, 0x56 };

static struct ixgbe_rig *const rig = &ixgbe_rig;

static struct pci_function *function(void)
{
    return rig->model.function;
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    return ixgbe_model_inject(&rig->model, frame, length);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return ixgbe_model_take(&rig->model, frame, size);
}

static unsigned violations(void)
{
    return ixgbe_model_violations(&rig->model);
}

const struct nic_model ixgbe_rig_model = { .driver = "ixgbe",
                                           .function = function,
                                           .inject = inject,
                                           .take = take,
                                           .violations = violations };

void ixgbe_rig_remove(void)
{
    nic_remove();
    nic.port = NULL;
}

void ixgbe_rig_make(enum ixgbe_model_chip chip)
{
    if (nic.port)
        ixgbe_rig_remove();
    ixgbe_model_init(&rig->model, chip, ixgbe_rig_mac);
}

int ixgbe_rig_set_up(void **state)
{
    nic_set_up(&ixgbe_rig_model);
    ixgbe_rig_make(IXGBE_MODEL_82599);
    return 0;
}

int ixgbe_rig_tear_down(void **state)
{
    nic_tear_down();
    return 0;
}

void ixgbe_rig_run(uint16_t queues)
{
    assert_int_equal(nic_start(queues, queues), 0);
}

uint32_t ixgbe_rig_reg(uint32_t offset)
{
    return ixgbe_model_reg(&rig->model, offset);
}

void ixgbe_rig_turn(uint64_t us)
{
    for (uint64_t end = time_us() + us; time_us() < end;) {
        host_advance_us(1000);
        port_poll(nic.port, time_us());
        port_poll_link(nic.port);
    }
}
