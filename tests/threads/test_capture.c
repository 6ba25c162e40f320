/* Captures, tags, counted bursts and modes that come and go while four workers pass frames round:
 * each file is whole, and has what it says. */
#include "apps/capture/capture.h"

#include "apps/console/command.h"
#include "apps/forward/cores.h"
#include "apps/forward/forward.h"
#include "kernel/files.h"
#include "nic/pcap_file.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <sched.h>
#include <string.h>

#define WORKERS 4u
#define PORTS 4u
#define PACKETS 4096u
#define ROUNDS 30u

static void let_others_run(void)
{
    sched_yield();
}

/* What it prints does not matter, but that it does not fail. */
static void look(struct out *out, const char *text, size_t n)
{
    assert_null(memmem(text, n, "error:", 6));
}

static void command(const char *line)
{
    struct out out = { .write = look };
    command_run(line, &out, NULL, 0);
}

static int set_up(void **state)
{
    struct port *port;
    host_reset();
    host_use_real_time(true);
    host_set_yield(let_others_run);
    port_reset_registry();
    assert_int_equal(forward_init_workers(PACKETS, WORKERS), 0);
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(ring_port_create(PORT_NONE, &port), 0);
    forward_ports_up();
    host_set_cpus(WORKERS);
    cores_start();
    command("port 0 queues 4");
    command("port 1 queues 2");
    command("forward io");
    command("start tx_first 2");
    return 0;
}

static int tear_down(void **state)
{
    cores_stop();
    host_join_cpus();
    for (unsigned i = 0; i < PORTS; i++)
        port_get(i)->remove(port_get(i));
    forward_shutdown();
    files_forget();
    assert_false(host_log_contains("packets are missing"));
    return 0;
}

static void turns(unsigned n)
{
    while (n--) {
        forward_turn();
        sched_yield();
    }
}

/* As many frames as were told. */
static void check_file(void)
{
    struct capture_state s;
    char why[PCAP_WHY_SIZE];
    const struct file *f = files_find("capture.pcapng");
    capture_read(&s);
    int64_t frames = pcap_check(f->bytes, files_size(f), why);
    if (frames < 0)
        fail_msg("%s", why);
    assert_int_equal(frames, s.frames);
}

static void captures_come_and_go(void **state)
{
    static const char *const what[] = { "capture start 0 limit 100000",
                                        "capture start 1 limit 20000000",
                                        "capture start drops limit 100000",
                                        "capture start 2 snaplen 40" };
    for (unsigned i = 0; i < ROUNDS; i++) {
        command(what[i % ARRAY_SIZE(what)]);
        turns(20);
        command("capture show");
        command(i % 3 ? "set fwd macswap" : "set fwd 5tswap");
        command("capture stop");
        check_file();
    }
}

static void taps_come_and_go(void **state)
{
    static const char *const lines[] = { "set record-burst-stats on",
                                         "vlan set strip on 0",
                                         "tx_vlan set 1 5",
                                         "capture start 0",
                                         "vlan set strip on 1",
                                         "set record-burst-stats off",
                                         "show fwd stats all",
                                         "tx_vlan reset 1",
                                         "capture stop",
                                         "vlan set strip off 0",
                                         "set fwd csum",
                                         "set burst 7",
                                         "vlan set strip off 1",
                                         "set fwd noisy",
                                         "set portlist 0,2,1,3",
                                         "set noisy memory 1 both 2",
                                         "set burst 32",
                                         "set portlist all",
                                         "set eth-peer 1 02:00:00:00:00:77" };
    for (unsigned i = 0; i < ROUNDS * ARRAY_SIZE(lines) / 4; i++) {
        command(lines[i % ARRAY_SIZE(lines)]);
        turns(3);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
        if (strstr(lines[i], "off") || strstr(lines[i], "reset"))
            command(lines[i]);
    capture_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(captures_come_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(taps_come_and_go, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
