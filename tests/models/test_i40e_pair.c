/* i40e.c with i40e_sriov.c, and iavf.c (vf_pair.h). */
#include "kernel/task.h"
#include "kernel/time.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/i40e_model.h"

static struct {
    struct i40e_model m;
    struct pci_function *function;
    bool messages_vanish;
} model;
static enum i40e_model_chip chip;

#define MODEL(function) pair_##function
#define PF_MTU 1500
#define UNISOLATED false
#define FRAME_IS(bytes, mtu) ((bytes) == 9728u || (bytes) == 9724u)

static bool pair_inject(void *unused, const uint8_t *frame, uint32_t length)
{
    return i40e_model_inject(&model.m, frame, length);
}

static uint32_t pair_take(void *unused, uint8_t *frame, uint32_t size)
{
    return i40e_model_take(&model.m, frame, size);
}

static void pair_run(void *unused)
{
    uint8_t frame[16384];
    while (i40e_model_take(&model.m, frame, sizeof frame))
        continue;
}

/* What VFs say is lost on its way through the chip. */
static const struct iavf_behind *behind;
static struct iavf_behind lossy;

static void message(struct iavf_model *vf, uint32_t op, const uint8_t *bytes, uint32_t n)
{
    if (!model.messages_vanish)
        behind->message(vf, op, bytes, n);
}

static void pair_init(void *unused, enum i40e_model_chip which, const uint8_t *mac)
{
    i40e_model_init(&model.m, which, 0, mac);
    model.function = model.m.function;
    model.messages_vanish = false;
    behind = model.m.vf[0].behind;
    lossy = *behind;
    lossy.message = message;
    for (unsigned i = 0; i < model.m.vfs; i++)
        model.m.vf[i].behind = &lossy;
}

static void run_ms(unsigned ms);

/* Firmware tells the PF, which tells its VFs. */
static void pair_set_link(void *unused, bool up)
{
    i40e_model_set_link(&model.m, up);
    run_ms(5);
}

static unsigned pair_violations(void *unused)
{
    return i40e_model_violations(&model.m);
}

static void pair_vf_flr(void *unused, unsigned vf)
{
    i40e_model_vf_flr(&model.m, vf);
}
/* A VF that stops waits for its PF's answer: as in the image it waits in a task, and the poll loop
 * goes on. */
static struct port_ops vf_ops;
static void (*vf_stop)(struct port *port);
static struct port *pf;
static bool stopped;

static void stop_entry(void *port)
{
    vf_stop(port);
    stopped = true;
}

static void stop_in_task(struct port *port)
{
    stopped = false;
    assert_non_null(task_create(stop_entry, port));
    while (!stopped) {
        task_turn();
        host_advance_us(1000);
        port_poll(pf, time_us()); /* nobody else: the port that stops is held */
    }
    task_turn(); /* it is over */
}

static void comes(struct port *port)
{
    vf_ops = *port->ops;
    vf_stop = vf_ops.stop == stop_in_task ? vf_stop : vf_ops.stop;
    vf_ops.stop = stop_in_task;
    port->ops = &vf_ops;
}

#define COMES(port) comes(port)
#define LOOK_MESSAGES 2u /* statistics, too */

#include "tests/models/vf_pair.h"

int main(void)
{
    const struct CMUnitTest tests[] = { PAIR_TESTS };
    int failed = cmocka_run_group_tests_name("x710", tests, NULL, NULL);
    failed += conformance("iavf_with_i40e_x710", I40E_MODEL_X710, 1);
    return failed;
}
