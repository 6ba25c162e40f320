/* i40e_rig.c - i40e.c on the model of an X710, XL710 or XXV710 (i40e_rig.h). */
#include "tests/models/i40e_rig.h"

#include "kernel/time.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

struct i40e_rig i40e_rig;
const uint8_t i40e_rig_mac[MAC_LEN] = { 0x3c, 0xfd, 0xfe, 0x12, 0x34, 0x56 };

static struct i40e_rig *const rig = &i40e_rig;

static struct pci_function *function(void)
{
    return rig->model.function;
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    return i40e_model_inject(&rig->model, frame, length);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return i40e_model_take(&rig->model, frame, size);
}

static unsigned violations(void)
{
    return i40e_model_violations(&rig->model);
}

const struct nic_model i40e_rig_model = {
    .driver = "i40e", .function = function, .inject = inject, .take = take, .violations = violations
};

void i40e_rig_remove(void)
{
    nic_remove();
    nic.port = NULL;
}

void i40e_rig_make(enum i40e_model_chip chip, unsigned pf)
{
    if (nic.port)
        i40e_rig_remove();
    i40e_model_init(&rig->model, chip, pf, i40e_rig_mac);
}

int i40e_rig_set_up(void **state)
{
    nic_set_up(&i40e_rig_model);
    i40e_rig_make(I40E_MODEL_X710, 0);
    return 0;
}

int i40e_rig_tear_down(void **state)
{
    nic_tear_down();
    return 0;
}

void i40e_rig_run(uint16_t queues)
{
    assert_int_equal(nic_start(queues, queues), 0);
}

uint32_t i40e_rig_reg(uint32_t offset)
{
    return i40e_model_reg(&rig->model, offset);
}

void i40e_rig_turn(uint64_t us)
{
    for (uint64_t end = time_us() + us; time_us() < end;) {
        host_advance_us(1000);
        port_poll(nic.port, time_us());
        port_poll_link(nic.port);
    }
}
