/* apps/machine/vf_commands.c over a master driver that does as it is told, or refuses: who is
 * meant, what is made and in which order, what goes with a port, and what the configuration says.
 */
#include "apps/bridge/fdb.h"
#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "apps/ip/address.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/router.h"
#include "nic/vf.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/pcispace.h"
#include "tests/models/wire_port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS 64u /* as if there were no more */

#define VFS 3u
#define VF_BDF(n) PCI_BDF(0, 1, 0x10, 2 * (n))

static char text[1 << 15];
static size_t length;

static void write_text(struct out *out, const char *more, size_t n)
{
    assert_true(length + n < sizeof text);
    memcpy(text + length, more, n);
    text[length += n] = 0;
}

static struct out out = { .write = write_text };

static const char *answers(const char *line)
{
    text[length = 0] = 0;
    command_run(line, &out, NULL, 0);
    return text;
}

static void does(const char *line)
{
    assert_string_equal(answers(line), "");
}

static void fails(const char *line, const char *expected)
{
    char whole[512];
    snprintf(whole, sizeof whole, "error: %s\n", expected);
    assert_string_equal(answers(line), whole);
}

static bool shows(const char *line, const char *what)
{
    return strstr(answers(line), what) != NULL;
}

/* A PF, its driver's ports, and VFs ------------------------------------------------- */

static struct pcispace_device chip[2];
static struct pci_function *pf, *other;
static struct wire_port *pf_wire, *other_wire, *vf_wire[VFS];
static struct pci_function vf_function[VFS];
static struct pci_function *vf_list[VFS];
static struct vf_policy policies[VFS];
static enum vf_mailbox mailbox;
static const char *refusal;
static char order[256]; /* what happened, a word each */

static void happened(const char *what)
{
    assert_true(strlen(order) + strlen(what) + 2 < sizeof order);
    strcat(strcat(order, what), " ");
}

static int vf_probe(struct pci_function *f, const struct pci_id *id)
{
    happened("probe");
    if (f->vf_index == 1) /* somebody else is to have that one */
        return -ENODEV;
    vf_wire[f->vf_index] = wire_port_create();
    vf_wire[f->vf_index]->port.pci = f;
    f->driver_data = vf_wire[f->vf_index];
    return 0;
}

static void vf_remove(struct pci_function *f)
{
    struct wire_port *wire = f->driver_data;
    happened("remove");
    assert_int_equal(pf_wire->port.holds, 0); /* a VF that stops may wait for its PF's answer */
    assert_int_equal(wire->port.state, PORT_STOPPED);
    port_unregister(&wire->port);
    wire_port_destroy(wire);
}

static const struct pci_id vf_ids[] = { PCI_ID(0x1234, 0x0ca0, 0), { 0 } };
PCI_DRIVER(test_vf_driver) = {
    .name = "test_vf", .ids = vf_ids, .probe = vf_probe, .remove = vf_remove
};

static int enable(struct port *port, unsigned count, bool unisolated, const char **why)
{
    *why = "the chip is asleep";
    if (refusal)
        return -EIO;
    happened(unisolated ? "enable-unisolated" : "enable");
    for (unsigned i = 0; i < count; i++) {
        vf_function[i] = (struct pci_function){ .bdf = VF_BDF(i),
                                                .vendor = 0x1234,
                                                .device = 0x0ca0,
                                                .class_code = 0x020000,
                                                .config_size = 256,
                                                .pf = pf,
                                                .vf_index = (uint16_t)i };
        vf_list[i] = &vf_function[i];
        policies[i] =
            (struct vf_policy){ .mac = { 2, 0, 0, 0, 9, (uint8_t)i }, .spoofcheck = true };
    }
    pf->sriov->vf = vf_list;
    pf->sriov->num_vfs = (uint16_t)count;
    port->vf_count = count;
    return 0;
}

static void disable(struct port *port)
{
    happened("disable");
    assert_int_equal(port->holds, 1);
    pf->sriov->num_vfs = 0;
    port->vf_count = 0;
}

static int set(struct port *port, unsigned vf, const struct vf_policy *policy, const char **why)
{
    *why = refusal;
    if (refusal)
        return -ENOTSUP;
    policies[vf] = *policy;
    return 0;
}

static void info(struct port *port, unsigned vf, struct vf_info *i)
{
    *i = (struct vf_info){ .policy = policies[vf],
                           .mailbox = mailbox,
                           .frame = 1522,
                           .rx_packets = 12,
                           .spoofed = 4,
                           .malicious = 5,
                           .refused = 6,
                           .last_refusal = "only a trusted VF may be promiscuous" };
    memcpy(i->mac, policies[vf].mac, MAC_LEN);
}

static const struct vf_ops master = {
    .enable = enable, .disable = disable, .set = set, .info = info
};

/* 0000:01:00.0 is port 0, a PF of up to 3 VFs; 0000:02:00.0 is port 1 and none. */
static int set_up(void **state)
{
    static struct pci_sriov *s;
    host_reset();
    port_reset_registry();
    pcispace_reset();
    for (unsigned i = 0; i < 2; i++) {
        pcispace_device_init(&chip[i], 0x1234, 0x5678, 0x020000);
        chip[i].root_bus = 0;
        pcispace_add(&chip[i], NULL, 3 + i, 0);
    }
    assert_int_equal(pci_scan(), 2);
    pf = pci_first();
    other = pf->next;
    s = calloc(1, sizeof *s);
    pf->sriov = s;
    assert_int_equal(forward_init(256), 0);
    pf_wire = wire_port_create();
    other_wire = wire_port_create();
    pf_wire->port.pci = pf;
    other_wire->port.pci = other;
    pf_wire->port.vf = &master;
    pf_wire->port.vf_max = VFS;
    refusal = NULL;
    mailbox = VF_MAILBOX_OPEN;
    order[0] = 0;
    forward_ports_up();
    return 0;
}

static int tear_down(void **state)
{
    refusal = NULL;
    if (pf_wire->port.vf_count)
        answers("vf 00:03.0 count 0");
    pf_wire->port.pci = other_wire->port.pci = NULL;
    pf->sriov->vf = NULL;
    free(pf->sriov);
    pf->sriov = NULL;
    forward_shutdown();
    router_reset();
    wire_port_destroy(pf_wire);
    wire_port_destroy(other_wire);
    pcispace_reset();
    port_reset_registry();
    return 0;
}

/* count ----------------------------------------------------------------------------- */

static void vfs_are_offered_in_order_and_become_ports(void **state)
{
    does("vf 00:03.0 count 3");
    assert_string_equal(order, "enable probe probe probe ");
    assert_int_equal(port_count(), 4);
    assert_ptr_equal(port_get(2)->pci, &vf_function[0]);
    assert_ptr_equal(port_get(3)->pci, &vf_function[2]);
    assert_int_equal(port_get(2)->state, PORT_RUNNING);
    assert_int_equal(port_get(3)->state, PORT_RUNNING);
}

static void vfs_go_before_their_pf_last_one_first(void **state)
{
    does("vf 0000:00:03.0 count 3");
    order[0] = 0;
    does("vf 0000:00:03.0 count 0");
    assert_string_equal(order, "remove remove disable ");
    assert_null(port_get(2));
    assert_null(port_get(3));
    does("vf 0000:00:03.0 count 0"); /* there are none, and that is what was asked for */
    assert_string_equal(order, "remove remove disable ");
}

/* A number may be given again; whoever gets it begins as if it were new. */
static void a_number_that_is_used_again_is_as_new(void **state)
{
    struct port_totals t;
    does("vf 00:03.0 count 2");
    forward_ports_up();
    counter_add(&forward_counters(control_worker(), 2)->drops[DROP_vlan], 5);
    does("port 2 promiscuous on");
    does("vf 00:03.0 count 0");
    does("vf 00:03.0 count 1");
    assert_ptr_equal(port_get(2)->pci, &vf_function[0]);
    assert_null(port_get(3));
    forward_ports_up();
    assert_int_equal(port_get(2)->state, PORT_RUNNING);
    assert_false(forward_promiscuous(port_get(2)));
    stats_port_totals(port_get(2), &t);
    assert_int_equal(t.rx_dropped, 0);
}

static void unisolated_is_passed_on_and_kept(void **state)
{
    does("vf 00:03.0 count 1 unisolated");
    assert_string_equal(order, "enable-unisolated probe ");
    assert_true(shows("show config", "vf 0000:00:03.0 count 1 unisolated\n"));
    assert_true(shows("show vfs", "not kept apart by the PCI Express hierarchy"));
    does("vf 00:03.0 count 0");
    does("vf 00:03.0 count 1");
    assert_false(shows("show config", "unisolated"));
}

static void count_is_refused_with_what_was_expected(void **state)
{
    fails("vf 05:00.0 count 1", "there is no function 05:00.0, expected one that 'show pci' lists");
    fails("vf 00:04.0 count 1", "00:04.0 has no SR-IOV capability, expected a PF");
    fails("vf 00:03.0 count 4", "4 VFs are too many for 00:03.0, expected 0 to 3");
    fails("vf 00:03.0 count 18446744073709551615",
          "18446744073709551615 VFs are too many for 00:03.0, expected 0 to 3");
    refusal = "";
    fails("vf 00:03.0 count 2", "00:03.0 makes no VFs: the chip is asleep");
    refusal = NULL;
    does("vf 00:03.0 count 2");
    fails("vf 00:03.0 count 1",
          "00:03.0 has 2 VFs in force already, expected 'vf 00:03.0 count 0' before");
    assert_int_equal(pf_wire->port.vf_count, 2);
}

static void a_function_that_is_no_master_says_which(void **state)
{
    pf_wire->port.vf = NULL;
    fails("vf 00:03.0 count 1", "driver wire at 00:03.0 makes no VFs, expected igb, ixgbe or i40e");
    pf_wire->port.vf = &master;
    pf_wire->port.pci = NULL;
    fails("vf 00:03.0 count 1", "00:03.0 has no driver here, expected the PF of a port");
    pf_wire->port.pci = pf;
    port_fail(&pf_wire->port, "reset never ended");
    fails("vf 00:03.0 count 1", "port 0 at 00:03.0 has failed: reset never ended");
    pf_wire->port.state = PORT_STOPPED;
    other->pf = pf;
    fails("vf 00:04.0 count 1", "00:04.0 is a VF itself, expected its PF");
    other->pf = NULL;
}

static void a_failed_pf_can_get_rid_of_its_vfs(void **state)
{
    does("vf 00:03.0 count 2");
    port_fail(&pf_wire->port, "reset never ended");
    fails("vf 00:03.0 0 trust on", "port 0 at 00:03.0 has failed: reset never ended");
    assert_true(shows("show vfs", "2 of 3 VFs"));
    does("vf 00:03.0 count 0");
    assert_int_equal(pf_wire->port.vf_count, 0);
    fails("vf 00:03.0 count 0", "port 0 at 00:03.0 has failed: reset never ended");
    pf_wire->port.state = PORT_STOPPED;
}

static void numbers_run_out_before_anything_happens(void **state)
{
    struct port *null[NUMBERS];
    unsigned made = 0;
    port_limit_numbers(NUMBERS);
    while (port_count() < NUMBERS - 2)
        assert_int_equal(null_port_create(&null[made++]), 0);
    fails("vf 00:03.0 count 3", "2 port numbers are left, expected no more VFs than that");
    assert_string_equal(order, "");
    does("vf 00:03.0 count 2");
    does("vf 00:03.0 count 0");
    while (made) {
        forward_port_remove(null[--made]);
        null_port_destroy(null[made]);
    }
}

/* What goes with a port --------------------------------------------------------------- */

static void a_port_that_goes_takes_along_what_names_it(void **state)
{
    struct fdb_row row;
    struct neighbor_info n;
    uint32_t cursor = 0;
    unsigned place = 0;
    does("vf 00:03.0 count 1");
    does("forward l3");
    does("port 2 address 192.0.2.1/24");
    does("port 2 address 198.51.100.1/24");
    does("port 1 address 203.0.113.1/24");
    does("neighbor add 192.0.2.2 02:00:00:00:00:22 port 2");
    does("neighbor add 203.0.113.2 02:00:00:00:00:11 port 1");
    does("route add 10.0.0.0/8 via 192.0.2.2");
    does("fdb add 02:00:00:00:00:33 port 2");
    does("fdb add 02:00:00:00:00:44 port 1");
    does("vf 00:03.0 count 0");
    assert_null(address_at(1));
    assert_non_null(address_at(0));
    assert_true(fdb_next(&cursor, &row));
    assert_int_equal(row.port, 1);
    assert_false(fdb_next(&cursor, &row));
    while (neighbor_next(&place, &n))
        assert_true(n.interface == INTERFACE_NONE || interface_get(n.interface)->port_number == 1);
    assert_false(shows("show config", "port 2"));
    assert_true(shows("show config", "route add 10.0.0.0/8 via 192.0.2.2"));
    assert_false(shows("show routes", "port 2"));
    does("fdb delete 02:00:00:00:00:44");
}

/* Frames that are on their way to a port when it goes, in every place they can be. */
static void consume_note(struct worker *control, const struct note *note)
{
    forward_consume(control, note->packet);
}

static void frames_for_a_port_that_goes_are_dropped_and_counted(void **state)
{
    static const uint8_t frame[64] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 7 };
    struct worker *worker = control_worker();
    struct packet *p[3];
    does("vf 00:03.0 count 1");
    does("forward l2");
    wire_put(pf_wire, frame, sizeof frame);
    forward_turn();
    assert_true(packet_alloc_burst(&worker->cache, p, 3));
    for (unsigned i = 0; i < 3; i++) {
        p[i]->length = 64;
        p[i]->frame_length = 64;
        p[i]->port = 2;
    }
    const struct note note = { .handle = consume_note, .port = 2, .packet = p[1] };
    forward_send(worker, port_get(2), p[0]);
    assert_true(forward_note(worker, &note));
    control_originate(worker, port_get(2), p[2]);
    does("vf 00:03.0 count 0");
    assert_int_equal(forward_held(), 0);
    assert_null(worker->pending);
    for (unsigned i = 0; i < 3; i++)
        forward_turn();
    assert_int_equal(forward_held(), 0);
}

/* Policies ------------------------------------------------------------------------------ */

static void policies_are_passed_on_one_by_one(void **state)
{
    does("vf 00:03.0 count 3");
    does("vf 00:03.0 1 mac 02:00:00:00:00:77");
    assert_true(policies[1].mac_set && policies[1].mac[5] == 0x77);
    does("vf 00:03.0 1 vlan 100");
    does("vf 00:03.0 1 rate 250");
    does("vf 00:03.0 1 spoofcheck off");
    does("vf 00:03.0 1 trust on");
    does("vf 00:03.0 1 link down");
    assert_int_equal(policies[1].vlan, 100);
    assert_int_equal(policies[1].rate_mbps, 250);
    assert_false(policies[1].spoofcheck);
    assert_true(policies[1].trust);
    assert_int_equal(policies[1].link, VF_LINK_DOWN);
    does("vf 00:03.0 1 link up");
    assert_int_equal(policies[1].link, VF_LINK_UP);
    does("vf 00:03.0 1 link auto");
    does("vf 00:03.0 1 vlan 0");
    assert_int_equal(policies[1].vlan, VF_VLAN_NONE);
    assert_true(policies[0].spoofcheck && !policies[0].trust && !policies[0].mac_set);
}

static void policies_are_refused_with_what_was_expected(void **state)
{
    fails("vf 00:03.0 0 trust on", "00:03.0 has no VFs, expected 'vf 00:03.0 count NUMBER' before");
    does("vf 00:03.0 count 2");
    fails("vf 00:03.0 2 trust on", "VF '2' of 00:03.0 is out of range, expected 0 to 1");
    fails("vf 00:03.0 4294967296 vlan 1",
          "VF '4294967296' of 00:03.0 is out of range, expected 0 to 1");
    fails("vf 00:03.0 0 vlan 4095",
          "vlan '4095' is out of range, expected 1 to 4094, or 0 for none");
    fails("vf 00:03.0 0 vlan 65537",
          "vlan '65537' is out of range, expected 1 to 4094, or 0 for none");
    fails("vf 00:03.0 0 mac 01:00:00:00:00:01",
          "'01:00:00:00:00:01' is no station's address, expected one with an even first octet that "
          "is not all zeros");
    refusal = "this chip has no rate limiter";
    fails("vf 00:03.0 0 rate 100",
          "VF 0 of 00:03.0: rate is not changed: this chip has no rate limiter");
    assert_int_equal(policies[0].rate_mbps, 0);
}

/* A rate that no field holds reaches the driver as more than it can do, not as less. */
static void a_huge_rate_is_not_cut(void **state)
{
    does("vf 00:03.0 count 1");
    does("vf 00:03.0 0 rate 4294967297");
    assert_int_equal(policies[0].rate_mbps, UINT32_MAX);
}

/* show ------------------------------------------------------------------------------------ */

static void show_vfs_tells_all(void **state)
{
    assert_true(shows("show vfs", "0000:00:03.0: port 0 (wire), 0 of 3 VFs\n"));
    does("vf 00:03.0 count 2");
    does("vf 00:03.0 0 vlan 12");
    const char *t = answers("show vfs");
    assert_non_null(
        strstr(t, "  vf 0    0000:01:10.0  02:00:00:00:09:00  link up  port 2 (wire)\n"));
    assert_non_null(strstr(t, "  vf 1    0000:01:10.2  02:00:00:00:09:01  link up  no port\n"));
    assert_non_null(
        strstr(t, "mac free, vlan 12, spoofcheck on, trust off, rate none, link auto\n"));
    assert_non_null(strstr(t, "mailbox   open\n"));
    assert_non_null(strstr(t, "granted   frames to 1522 bytes, 0 addresses"));
    assert_non_null(strstr(t, "12 packets"));
    assert_non_null(strstr(t, "4 spoofed, 5 malicious\n"));
    assert_non_null(strstr(t, "refused   only a trusted VF may be promiscuous\n"));
    does("vf 00:03.0 0 link down");
    mailbox = VF_MAILBOX_CLOSED;
    assert_true(shows("show vfs", "closed: its link is held down\n"));
    assert_true(shows("show vfs", "closed: its driver has not reset yet\n"));
    does("port 0 down");
    assert_true(shows("show vfs", "closed: its PF is down\n"));
    does("port 0 up");
    mailbox = VF_MAILBOX_STUCK;
    assert_true(shows("show vfs", "mailbox   stuck"));
    mailbox = VF_MAILBOX_MUTED;
    assert_true(shows("show vfs", "mailbox   muted"));
    pf_wire->port.vf = NULL;
    pf_wire->port.vf_count = 0;
    assert_string_equal(answers("show vfs"), "no port here can make VFs\n");
    pf_wire->port.vf = &master;
    pf_wire->port.vf_count = 2;
}

static char shown[4096];

/* While the policy is printed the PF goes down, and so it could be gone altogether. */
static void write_and_stop(struct out *to, const char *more, size_t n)
{
    size_t room = sizeof shown - strlen(shown) - 1;
    strncat(shown, more, n < room ? n : room);
    if (strstr(shown, "policy"))
        pf_wire->port.state = PORT_STOPPED;
}

/* kernel/task.h: nothing that may change while something is printed is looked at again after it. */
static void a_vf_is_shown_as_it_was_at_one_moment(void **state)
{
    struct out watcher = { .write = write_and_stop };
    does("vf 00:03.0 count 1");
    mailbox = VF_MAILBOX_CLOSED;
    shown[0] = 0;
    assert_int_equal(command_run("show vfs", &watcher, "test", 0), 0);
    pf_wire->port.state = PORT_RUNNING;
    assert_non_null(strstr(shown, "closed: its driver has not reset yet\n"));
}

/* What is printed, fed back, gives the same, though the VFs' ports then have other numbers: VFs
 * come before what is said of their ports, which are named by their PCI addresses. */
static void the_configuration_can_be_fed_back(void **state)
{
    static char before[4096];
    does("vf 00:03.0 count 3");
    does("vf 00:03.0 0 mac 02:00:00:00:00:88");
    does("vf 00:03.0 0 vlan 7");
    does("vf 00:03.0 1 spoofcheck off");
    does("vf 00:03.0 1 trust on");
    does("vf 00:03.0 2 rate 33");
    does("vf 00:03.0 2 link down");
    does("port 2 address 192.0.2.1/24");
    does("neighbor add 192.0.2.9 02:00:00:00:00:09 port 2");
    does("fdb add 02:00:00:00:00:0a port 2");
    does("port 3 down");
    snprintf(before, sizeof before, "%s", answers("show config"));
    assert_non_null(strstr(before, "vf 0000:00:03.0 count 3\n"
                                   "vf 0000:00:03.0 0 mac 02:00:00:00:00:88\n"
                                   "vf 0000:00:03.0 0 vlan 7\n"
                                   "vf 0000:00:03.0 1 spoofcheck off\n"
                                   "vf 0000:00:03.0 1 trust on\n"
                                   "vf 0000:00:03.0 2 rate 33\n"
                                   "vf 0000:00:03.0 2 link down\n"));
    const char *port = strstr(before, "port 0000:01:10.0 address 192.0.2.1/24\n");
    assert_true(port && strstr(before, "vf 0000:00:03.0 2 link down") < port);
    assert_non_null(strstr(before, "port 0000:01:10.4 down\n"));
    assert_non_null(strstr(before, "neighbor add 192.0.2.9 02:00:00:00:00:09 port 0000:01:10.0\n"));
    assert_non_null(strstr(before, "fdb add 02:00:00:00:00:0a port 0000:01:10.0\n"));
    does("vf 00:03.0 count 0");
    text[length = 0] = 0;
    assert_int_equal(command_run_text(before, strlen(before), '\n', &out, "configuration"), 0);
    assert_string_equal(answers("show config"), before);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(vfs_are_offered_in_order_and_become_ports),
        T(vfs_go_before_their_pf_last_one_first),
        T(a_number_that_is_used_again_is_as_new),
        T(unisolated_is_passed_on_and_kept),
        T(count_is_refused_with_what_was_expected),
        T(a_function_that_is_no_master_says_which),
        T(a_failed_pf_can_get_rid_of_its_vfs),
        T(numbers_run_out_before_anything_happens),
        T(a_port_that_goes_takes_along_what_names_it),
        T(frames_for_a_port_that_goes_are_dropped_and_counted),
        T(policies_are_passed_on_one_by_one),
        T(policies_are_refused_with_what_was_expected),
        T(a_huge_rate_is_not_cut),
        T(show_vfs_tells_all),
        T(a_vf_is_shown_as_it_was_at_one_moment),
        T(the_configuration_can_be_fed_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
