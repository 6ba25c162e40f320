/* Ports whose devices take their time, beside two that forward: whatever a driver waits for, each
 * turn of the poll loop carries the others' frames, and one at a time changes a port. */
#include "apps/console/command.h"
#include "apps/console/session.h"
#include "apps/forward/forward.h"
#include "apps/forward/ports.h"
#include "kernel/console.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/vf.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/e1000_model.h"
#include "tests/models/igb_model_internal.h"
#include "tests/models/virtio_net_rig.h"
#include "tests/models/wire_port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PACKETS 16384u
#define TURN_US 100u
#define SLOW_US 5000u
#define LOOKS_MAX \
    6u /* at one register in one turn: a wait that ends, its outcome, the next one \
        */
/* The hosted clock moves by what is waited: a task's turn, and a few waits not worth one. */
#define TURN_WAITS_US (HOST_YIELD_US + 200u)
#define TURNS_MAX 20000u
#define SLOW 2u /* the port's number */
#define SESSIONS 2u

static const uint8_t mac[MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static struct igb_model model;
static struct wire_port *wire[2];

/* How often one register is looked at without a turn in between. */
static struct {
    uint32_t reg;
    unsigned count, most, total;
} looks;

static void before_read(struct igb_model *m, uint32_t reg)
{
    looks.count = reg == looks.reg ? looks.count + 1 : 1;
    looks.reg = reg;
    looks.total++;
    if (looks.count > looks.most)
        looks.most = looks.count;
}

/* One turn of the loop, in which a frame goes from wire to wire. */
static void turn(void)
{
    uint8_t frame[60] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 }, sent[60];
    unsigned resetting = vnet.model ? vnet.model->resetting : 0;
    wire_put(wire[0], frame, sizeof frame);
    looks.count = looks.most = 0;
    uint64_t before = time_us();
    forward_turn();
    assert_in_range(time_us() - before, 0, TURN_WAITS_US);
    assert_int_equal(wire_take(wire[1], sent, sizeof sent), sizeof sent);
    assert_in_range(looks.most, 0, LOOKS_MAX);
    if (vnet.model && resetting > vnet.model->resetting)
        assert_in_range(resetting - vnet.model->resetting, 0, LOOKS_MAX);
    host_advance_us(TURN_US);
}

static void turns(unsigned n)
{
    while (n--)
        turn();
}

/* Persons ------------------------------------------------------------------------ */

static struct person {
    struct session session;
    const char *line;
    bool done;
    int result;
} person[SESSIONS];

static void run_line(void *arg)
{
    struct person *p = arg;
    session_init(&p->session, console_terminal(0));
    session_begin(&p->session);
    p->result = command_run_in(&p->session, p->line);
    p->done = true;
}

static void says(unsigned who, const char *line)
{
    person[who] = (struct person){ .line = line };
    assert_non_null(task_create(run_line, &person[who]));
}

/* How many turns the loop had until the command was over. */
static unsigned turns_until_done(unsigned who)
{
    unsigned n = 0;
    for (; !person[who].done && n < TURNS_MAX; n++)
        turn();
    assert_true(person[who].done);
    return n;
}

static bool printed(const char *text)
{
    return strstr(host_console_output(), text) != NULL;
}

/* The appliance ------------------------------------------------------------------ */

static void begin(void)
{
    host_reset();
    port_reset_registry();
    host_advance_us(US_PER_S);
    command_reset();
    memset(person, 0, sizeof person);
    memset(&vnet, 0, sizeof vnet);
}

static void control(void)
{
    console_poll();
    task_turn();
}

static void start(void)
{
    assert_int_equal(forward_init(PACKETS), 0);
    wire[0] = wire_port_create();
    wire[1] = wire_port_create();
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    forward_start();
    assert_int_equal(work_start(), 0);
    forward_set_control_hook(control, NULL);
    turns(2);
}

static struct port *slow(void)
{
    struct port *port = port_get(SLOW);
    assert_non_null(port);
    return port;
}

static void until_busy(void)
{
    for (unsigned i = 0; i < TURNS_MAX && !port_is_busy(slow()); i++)
        turn();
    assert_true(port_is_busy(slow()));
}

/* Nobody keeps house any more: what is left to do is done here. */
static void end(struct pci_function *f)
{
    task_reset();
    forward_shutdown();
    assert_false(host_log_contains("packets are missing"));
    if (f->driver)
        pci_remove_function(f);
    assert_int_equal(host_dma_mapped(&f->dma), 0);
    wire_port_destroy(wire[0]);
    wire_port_destroy(wire[1]);
    assert_int_equal(host_dma_refused(), 0);
}

static int igb_set_up(void **state)
{
    begin();
    igb_model_init(&model, IGB_MODEL_82576, mac);
    start();
    assert_int_equal(pci_probe_drivers(), 1);
    model.before_pf_reads = before_read;
    model.reset_takes_us = model.nvm_takes_us = model.mdic_takes_us = SLOW_US;
    model.queue_takes_us = model.master_takes_us = SLOW_US;
    host_advance_us(SLOW_US); /* the probe's reset is over */
    return 0;
}

static int igb_tear_down(void **state)
{
    end(model.function);
    assert_int_equal(igb_model_violations(&model), 0);
    return 0;
}

static void until_up(void)
{
    for (unsigned i = 0; i < TURNS_MAX && slow()->state != PORT_RUNNING; i++)
        turn();
    turns(10);
    assert_false(port_is_busy(slow()));
}

static void others_begin_while_one_is_held(void **state)
{
    struct wire_port *other = wire_port_create();
    assert_int_equal(port_hold(slow()), 0);
    turns(50);
    assert_int_equal(other->port.state, PORT_RUNNING);
    assert_int_equal(slow()->state, PORT_STOPPED);
    port_release(slow());
    until_up();
    forward_port_remove(&other->port);
    wire_port_destroy(other);
}

/* igb ------------------------------------------------------------------------------ */

static void a_port_that_comes_begins_beside_the_loop(void **state)
{
    turn();
    assert_int_equal(slow()->state, PORT_STOPPED);
    unsigned busy = 0;
    for (unsigned i = 0; i < TURNS_MAX && slow()->state != PORT_RUNNING; i++, busy++)
        turn();
    assert_int_equal(slow()->state, PORT_RUNNING);
    assert_true(busy > SLOW_US / (2 * TURN_US));
}

static void down_and_up_do_not_stop_the_loop(void **state)
{
    until_up();
    says(0, "port 2 down");
    assert_true(turns_until_done(0) > 10);
    assert_int_equal(person[0].result, 0);
    assert_int_equal(slow()->state, PORT_STOPPED);
    says(0, "port 2 up");
    assert_true(turns_until_done(0) > 10);
    assert_int_equal(person[0].result, 0);
    assert_int_equal(slow()->state, PORT_RUNNING);
}

/* Its rings start afresh while it is running. */
static void long_frames_do_not_stop_the_loop(void **state)
{
    uint8_t frame[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };
    until_up();
    assert_true(forward_port_get(SLOW)->assignment.attached);
    says(0, "port 2 mtu 9000");
    until_busy();
    assert_false(forward_port_get(SLOW)->assignment.attached); /* nobody is in its bursts */
    for (unsigned n = 0; !person[0].done && n < TURNS_MAX; n++) {
        igb_model_inject(&model, frame, sizeof frame); /* and whoever polls it finds it whole */
        turn();
    }
    assert_int_equal(person[0].result, 0);
    assert_int_equal(slow()->mtu, 9000);
    uint64_t before = slow()->rxq[0]->packets;
    turns(20);
    assert_true(igb_model_inject(&model, frame, sizeof frame));
    turns(2);
    assert_true(slow()->rxq[0]->packets > before);
}

/* The port is just being started: what comes meanwhile waits, and is done afterwards. */
static void a_command_waits_for_housekeeping(void **state)
{
    until_busy();
    says(0, "port 2 mtu 1400");
    turns(20);
    assert_false(person[0].done);
    assert_int_equal(slow()->state, PORT_STOPPED);
    turns_until_done(0);
    assert_int_equal(person[0].result, 0);
    assert_int_equal(slow()->state, PORT_RUNNING);
    assert_int_equal(slow()->mtu, 1400);
    assert_false(printed("error"));
}

static void ctrl_c_ends_that_wait(void **state)
{
    until_busy();
    says(0, "port 2 mtu 1400");
    turns(20);
    host_console_type("\3");
    turns(20);
    assert_true(person[0].done);
    assert_true(printed("error: port 2: it is being started or changed\n"));
    assert_int_equal(slow()->state, PORT_STOPPED);
    until_up();
    assert_int_equal(slow()->mtu, MTU_DEFAULT);
}

static void commands_come_one_after_the_other(void **state)
{
    until_up();
    says(0, "port 2 down");
    says(1, "port 2 up");
    turns_until_done(0);
    turns_until_done(1);
    assert_int_equal(person[0].result | person[1].result, 0);
    assert_true(slow()->admin_up == (slow()->state == PORT_RUNNING));
    assert_false(printed("error"));
}

static int held[2];

static void hold_for_long(void *arg)
{
    held[0] = port_hold_wait(arg);
    if (held[0])
        return;
    port_hold(arg); /* it counts */
    port_release(arg);
    task_delay_us(100 * TURN_US);
    port_release(arg);
}

static void hold_after(void *arg)
{
    held[1] = port_hold_wait(arg);
    if (!held[1])
        port_release(arg);
}

static void a_held_port_is_waited_for_in_a_task_only(void **state)
{
    until_up();
    held[0] = held[1] = 1;
    assert_non_null(task_create(hold_for_long, slow()));
    until_busy();
    assert_int_equal(held[0], 0);
    assert_int_equal(port_hold(slow()), -EBUSY);
    assert_int_equal(port_hold_wait(slow()), -EBUSY);
    assert_int_equal(port_set_mtu(slow(), 1400), -EBUSY);
    assert_int_equal(forward_port_down(slow()), -EBUSY);
    assert_non_null(task_create(hold_after, slow()));
    turns(20);
    assert_int_equal(held[1], 1);
    turns(1000);
    assert_int_equal(held[1], 0);
    assert_int_equal(port_hold(slow()), 0);
    port_release(slow());
}

static void wire_is_waited_for(void *arg)
{
    held[1] = port_hold_wait(arg);
}

static void take_away(void *arg)
{
    struct wire_port *w = arg;
    held[0] = port_hold_wait(&w->port);
    task_delay_us(100 * TURN_US);
    port_unregister(&w->port);
}

static void a_port_that_went_is_told(void **state)
{
    struct wire_port *w = wire_port_create();
    until_up();
    task_create(take_away, w);
    for (unsigned i = 0; i < TURNS_MAX && !port_is_busy(&w->port); i++)
        turn();
    held[1] = 0;
    task_create(wire_is_waited_for, &w->port);
    turns(1000);
    assert_int_equal(held[1], -ENODEV);
    port_release(&w->port);
    wire_port_destroy(w);
}

static uint64_t missed(void)
{
    struct port_totals t;
    stats_port_totals(slow(), &t);
    return t.rx_missed;
}

#define MPC 0x4010u /* 82576 DS 8.19.4, cleared when it is read */

static void a_busy_port_shows_what_was_known(void **state)
{
    until_up();
    igb_model_set_reg(&model, MPC, 7);
    assert_int_equal(missed(), 7);
    says(0, "port 2 mtu 9000");
    until_busy();
    unsigned reads = looks.total;
    struct port_counter rows[64];
    assert_int_equal(missed(), 7);
    assert_int_equal(port_read_counters(slow(), rows, 64), 0);
    assert_false(port_poll(slow(), time_us() + US_PER_S));
    assert_false(port_poll_link(slow()));
    assert_int_equal(looks.total, reads);
    turns_until_done(0);
    assert_int_equal(missed(), 7);
    assert_true(port_read_counters(slow(), rows, 64) > 0);
    assert_true(looks.total > reads);
}

static void a_device_that_is_gone_is_failed_at_once(void **state)
{
    until_up();
    model.gone = true;
    for (unsigned i = 0; i < TURNS_MAX && slow()->state != PORT_FAILED; i++)
        turn();
    turns(50);
    assert_int_equal(slow()->state, PORT_FAILED);
    assert_string_equal(slow()->failure, "the device does not answer any more");
    assert_int_equal(host_dma_mapped(&model.function->dma), 0); /* and stopped */
}

/* VFs ------------------------------------------------------------------------------ */

static char vf_line[2][64];

static void vf_lines(void)
{
    char bdf[PCI_BDF_LEN];
    pci_bdf_format(model.function->bdf, bdf);
    snprintf(vf_line[0], sizeof vf_line[0], "vf %s count 0", bdf);
    snprintf(vf_line[1], sizeof vf_line[1], "vf %s count 2", bdf);
}

static void vfs_come_and_go_beside_the_loop(void **state)
{
    vf_lines();
    until_up();
    says(0, vf_line[1]);
    assert_true(turns_until_done(0) > 10);
    assert_int_equal(person[0].result, 0);
    assert_int_equal(port_get(SLOW + 1)->state, PORT_RUNNING); /* when the command is over */
    assert_int_equal(port_get(SLOW + 2)->state, PORT_RUNNING);
    turns(2000);
    assert_true(port_get(SLOW + 1)->link.up);
    assert_true(port_get(SLOW + 2)->link.up);
    says(0, vf_line[0]);
    turns_until_done(0);
    assert_int_equal(person[0].result, 0);
    assert_null(port_get(SLOW + 1));
}

static bool vf_is_busy(void)
{
    return port_get(SLOW + 1) && port_is_busy(port_get(SLOW + 1));
}

/* It waits for its queues, and is on its way out. */
static void a_vf_goes_while_its_start_waits(void **state)
{
    vf_lines();
    until_up();
    says(0, vf_line[1]);
    turns_until_done(0);
    unsigned n = 0;
    while (!vf_is_busy() && n++ < TURNS_MAX)
        turn();
    assert_true(vf_is_busy());
    says(0, vf_line[0]);
    turns(2);
    assert_true(vf_is_busy()); /* it is not torn from whoever works on it */
    says(1, "port 3 mtu 1400");
    turns_until_done(0);
    turns_until_done(1);
    assert_int_equal(person[0].result, 0);
    assert_null(port_get(SLOW + 1));
    assert_int_equal(slow()->vf_count, 0);
}

/* Two that know the PF's number want it at once. */
static void vf_commands_come_one_after_the_other(void **state)
{
    vf_lines();
    until_up();
    says(0, vf_line[1]);
    says(1, vf_line[1]);
    turns_until_done(0);
    turns_until_done(1);
    assert_true(printed("has 2 VFs in force already"));
    assert_int_equal(!person[0].result + !person[1].result, 1);
    says(0, vf_line[0]);
    says(1, vf_line[0]);
    turns_until_done(0);
    turns_until_done(1);
    assert_int_equal(person[0].result | person[1].result, 0);
    assert_int_equal(slow()->vf_count, 0);
}

/* e1000 ------------------------------------------------------------------------------ */

static struct e1000_model e1000;

static int e1000_begin(void (*init)(struct e1000_model *m, const uint8_t address[MAC_LEN]))
{
    begin();
    init(&e1000, mac);
    start();
    assert_int_equal(pci_probe_drivers(), 1);
    e1000.reset_takes_us = e1000.auto_read_takes_us = SLOW_US;
    e1000.owner_takes_us = e1000.master_takes_us = SLOW_US;
    until_up();
    return 0;
}

static int e1000_set_up(void **state)
{
    return e1000_begin(e1000_model_init);
}

static int e1000e_set_up(void **state)
{
    return e1000_begin(e1000e_model_init);
}

static int e1000_tear_down(void **state)
{
    end(e1000.function);
    assert_int_equal(e1000_model_violations(&e1000), 0);
    return 0;
}

/* Its EEPROM is read anew; its PHY has a reset of its own. */
static void a_reset_does_not_stop_the_loop(void **state)
{
    says(0, "port 2 down");
    assert_true(turns_until_done(0) > 10);
    says(0, "port 2 up");
    turns_until_done(0);
    assert_int_equal(person[0].result, 0);
    assert_int_equal(slow()->state, PORT_RUNNING);
}

/* virtio ----------------------------------------------------------------------------- */

static int virtio_set_up(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    begin();
    config.features &= ~F_MRG_RXBUF;
    config.features |= F_MTU;
    config.mtu = 9000;
    vnet.model = virtio_net_model_create(&config);
    virtio_net_model_scan(vnet.model);
    start();
    vnet.model->wire = vnet_on_wire;
    assert_int_equal(pci_probe_drivers(), 1);
    vnet.model->reset_reads = 50;
    for (unsigned i = 0; i < TURNS_MAX && slow()->state != PORT_RUNNING; i++)
        turn();
    assert_int_equal(slow()->state, PORT_RUNNING);
    turns(2000);
    return 0;
}

static int virtio_tear_down(void **state)
{
    const char *what;
    vnet.model->reset_reads = 0;
    end(vnet.model->function);
    assert_int_equal(virtio_net_model_violations(vnet.model, &what), 0);
    virtio_net_model_destroy(vnet.model);
    vnet.model = NULL;
    return 0;
}

static void a_late_answer_holds_up_its_own_session(void **state)
{
    vnet.model->deaf_control = true;
    says(0, "port 2 mac 02:00:00:00:00:77");
    until_busy();
    says(1, "port 2 promiscuous on");
    turns(200);
    assert_false(person[0].done || person[1].done);
    vnet.model->deaf_control = false;
    virtio_net_model_run(vnet.model);
    turns_until_done(0);
    turns_until_done(1);
    assert_int_equal(person[0].result | person[1].result, 0);
    assert_int_equal(vnet.model->mac[5], 0x77);
    assert_true(vnet.model->promiscuous);
    assert_false(printed("error"));
}

static void larger_buffers_do_not_stop_the_loop(void **state)
{
    const char *const before[] = { "port 2 mtu 1500", "port 2 down", "port 2 up" };
    for (unsigned i = 0; i < 3; i++) {
        says(0, before[i]);
        turns_until_done(0);
    }
    assert_int_equal(slow()->state, PORT_RUNNING);
    says(0, "port 2 mtu 9000");
    until_busy();
    assert_false(forward_port_get(SLOW)->assignment.attached); /* nobody is in its bursts */
    assert_true(turns_until_done(0) > 20);
    assert_true(forward_port_get(SLOW)->assignment.attached);
    assert_int_equal(person[0].result, 0);
    assert_int_equal(slow()->mtu, 9000);
    assert_int_equal(slow()->state, PORT_RUNNING);
}

static void until_link_is_looked_at(void)
{
    unsigned n = 0;
    while (slow()->link.up && n++ < TURNS_MAX)
        turn();
    assert_false(slow()->link.up);
}

/* Found when the link is looked at, in the loop; it starts over elsewhere, and the loop goes on. */
static void a_start_over_does_not_stop_the_loop(void **state)
{
    struct port_counter row;
    virtio_net_model_set_needs_reset(vnet.model);
    until_link_is_looked_at();
    unsigned busy = 0;
    for (unsigned n = 0; !slow()->link.up && n < TURNS_MAX; n++) {
        busy += port_is_busy(slow());
        turn();
    }
    assert_true(busy > 20); /* turns meanwhile */
    assert_int_equal(slow()->state, PORT_RUNNING);
    assert_true(forward_port_get(SLOW)->assignment.attached);
    assert_int_equal(port_read_counters(slow(), &row, 1), 1);
    assert_int_equal(row.value, 1);
}

/* The same with a device that does not come back. */
static void a_failure_in_the_loop_is_stopped_by_housekeeping(void **state)
{
    virtio_net_model_set_needs_reset(vnet.model);
    vnet.model->reject_features = true;
    until_link_is_looked_at();
    turns(2000);
    assert_int_equal(slow()->state, PORT_FAILED);
    assert_int_equal(host_dma_mapped(&vnet.model->function->dma), 0);
    assert_non_null(strstr(slow()->failure, "DEVICE_NEEDS_RESET"));
    assert_false(slow()->link.up);
}

/* It is not freed while its device may still write. */
static void a_failed_port_that_goes_is_stopped_before(void **state)
{
    port_fail(slow(), "for a test");
    assert_true(host_dma_mapped(&vnet.model->function->dma) > 0);
    pci_remove_function(vnet.model->function);
    assert_int_equal(host_dma_mapped(&vnet.model->function->dma), 0);
    assert_null(port_get(SLOW));
    turns(20);
}

#define IGB(name) cmocka_unit_test_setup_teardown(name, igb_set_up, igb_tear_down)
#define VIRTIO(name) cmocka_unit_test_setup_teardown(name, virtio_set_up, virtio_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IGB(others_begin_while_one_is_held),
        IGB(a_port_that_comes_begins_beside_the_loop),
        IGB(down_and_up_do_not_stop_the_loop),
        IGB(long_frames_do_not_stop_the_loop),
        IGB(commands_come_one_after_the_other),
        IGB(a_command_waits_for_housekeeping),
        IGB(ctrl_c_ends_that_wait),
        IGB(a_held_port_is_waited_for_in_a_task_only),
        IGB(a_port_that_went_is_told),
        IGB(a_busy_port_shows_what_was_known),
        IGB(a_device_that_is_gone_is_failed_at_once),
        IGB(vfs_come_and_go_beside_the_loop),
        IGB(a_vf_goes_while_its_start_waits),
        IGB(vf_commands_come_one_after_the_other),
        cmocka_unit_test_setup_teardown(a_reset_does_not_stop_the_loop, e1000_set_up,
                                        e1000_tear_down),
        cmocka_unit_test_setup_teardown(a_reset_does_not_stop_the_loop, e1000e_set_up,
                                        e1000_tear_down),
        VIRTIO(a_late_answer_holds_up_its_own_session),
        VIRTIO(larger_buffers_do_not_stop_the_loop),
        VIRTIO(a_start_over_does_not_stop_the_loop),
        VIRTIO(a_failure_in_the_loop_is_stopped_by_housekeeping),
        VIRTIO(a_failed_port_that_goes_is_stopped_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
