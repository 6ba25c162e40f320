/* Interfaces: names, numbers, states and the events that tell of them (apps/forward/interface.h).
 */
#include "apps/forward/event.h"
#include "apps/forward/forward.h"
#include "apps/forward/interface.h"
#include "kernel/numbered.h"
#include "tests/host/test.h"
#include "tests/models/lan.h"

#include <errno.h>
#include <stdio.h>

/* What was told, a letter an event. */
static char told[64];
static struct interface *about;

static void listen(const struct event *event)
{
    static const char letters[] = { [EVENT_INTERFACE_ADDED] = 'a',
                                    [EVENT_INTERFACE_GONE] = 'g',
                                    [EVENT_INTERFACE_UP] = 'u',
                                    [EVENT_INTERFACE_DOWN] = 'd',
                                    [EVENT_INTERFACE_CHANGED] = 'c' };
    size_t n = strlen(told);
    if (!about || event->interface != about || event->kind >= ARRAY_SIZE(letters))
        return;
    told[n] = letters[event->kind];
    told[n + 1] = 0;
}

EVENT_LISTENER(test_listener) = { .order = 1000, .heard = listen };

static void hear_of(struct interface *interface)
{
    about = interface;
    told[0] = 0;
}

static int set_up(void **state)
{
    lan_start(2, "l2");
    hear_of(NULL);
    return 0;
}

static int tear_down(void **state)
{
    hear_of(NULL);
    lan_stop();
    return 0;
}

static void no_output(struct worker *worker, struct interface *interface, struct packet **packets,
                      uint16_t n)
{
    fail_msg("nobody sends here");
}

static struct interface *make(const char *name)
{
    return interface_create(INTERFACE_BRIDGE, name, NULL, no_output);
}

static void a_ports_interface_follows_it(void **state)
{
    struct interface *i = interface_of_port(&lan[0]->port);
    assert_ptr_equal(interface_of_port(&lan[0]->port), i);
    assert_ptr_equal(interface_find("0"), i);
    assert_true(i->up);
    assert_int_equal(i->mtu, lan[0]->port.mtu);
    assert_true(i->mac_word == mac_load(lan[0]->port.mac));
    hear_of(i);
    forward_port_down(&lan[0]->port);
    assert_string_equal(told, "d");
    assert_false(i->up);
    assert_int_equal(forward_port_up(&lan[0]->port), 0);
    assert_string_equal(told, "du");
    lan[0]->port.mtu = 1400;
    lan[0]->port.mac[5] ^= 1;
    interface_follow_port(&lan[0]->port);
    assert_string_equal(told, "duc");
    assert_true(i->mac_word == mac_load(lan[0]->port.mac));
    interface_follow_port(&lan[0]->port);
    assert_string_equal(told, "duc");
}

static void a_name_is_given_once(void **state)
{
    struct interface *br1 = make("br1");
    assert_non_null(br1);
    errno = 0;
    assert_null(make("br1"));
    assert_int_equal(errno, EEXIST);
    assert_ptr_equal(interface_find("br1"), br1);
    interface_destroy(br1);
    assert_null(interface_find("br1"));
    br1 = make("br1");
    assert_non_null(br1);
}

static void a_number_is_used_again_when_it_is_gone(void **state)
{
    struct interface *a = make("a"), *b = make("b");
    unsigned number = a->number;
    assert_int_equal(b->number, number + 1);
    interface_destroy(a);
    assert_null(interface_get(number));
    assert_int_equal(make("c")->number, number);
}

static void it_is_down_before_it_is_gone(void **state)
{
    const struct interface_state up = { .up = true, .mtu = 1500, .mac = { 2 } };
    struct interface *i = make("br1");
    hear_of(i);
    interface_update(i, &up);
    assert_string_equal(told, "cu"); /* never up with an old address */
    interface_destroy(i);
    assert_string_equal(told, "cudg");
}

static void a_change_while_down_is_told(void **state)
{
    struct interface_state now = { .mtu = 1500, .mac = { 2 } };
    struct interface *i = make("br1");
    hear_of(i);
    interface_update(i, &now);
    assert_string_equal(told, "c");
    now.mtu = 9000;
    interface_update(i, &now);
    assert_string_equal(told, "cc");
}

static void ports_come_first_in_a_walk(void **state)
{
    struct interface *a = make("a"), *seen;
    struct wire_port *late = wire_port_create();
    unsigned cursor = 0, n = 0, before = 0;
    assert_non_null(interface_of_port(&late->port));
    assert_true(interface_of_port(&late->port)->number > a->number);
    for (; (seen = interface_next(&cursor)); n++) {
        if (n < 3)
            assert_ptr_equal(seen->port, port_get(n));
        else
            assert_null(seen->port);
        before += seen == a;
    }
    assert_int_equal(n, 5); /* three ports, br0, a */
    assert_int_equal(before, 1);
    wire_port_destroy(late);
}

static void numbers_go_far(void **state)
{
    static struct numbered table;
    int object = 0;
    assert_null(numbered_get(&table, 0));
    for (unsigned i = 0; i < 3 * NUMBERED_CHUNK; i++) {
        assert_int_equal(numbered_lowest(&table), i);
        assert_int_equal(numbered_set(&table, i, &object), 0);
    }
    assert_int_equal(table.limit, 3 * NUMBERED_CHUNK);
    numbered_clear(&table, 300);
    assert_null(numbered_get(&table, 300));
    assert_int_equal(numbered_lowest(&table), 300);
    assert_int_equal(numbered_set(&table, NUMBERED_MAX - 1, &object), 0);
    assert_ptr_equal(numbered_get(&table, NUMBERED_MAX - 1), &object);
    assert_null(numbered_get(&table, NUMBERED_MAX));
    numbered_clear(&table, NUMBERED_MAX - 1);
    assert_int_equal(table.limit, 3 * NUMBERED_CHUNK);
    numbered_free(&table);
    assert_null(numbered_get(&table, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_ports_interface_follows_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_is_given_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_number_is_used_again_when_it_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_down_before_it_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_change_while_down_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ports_come_first_in_a_walk, set_up, tear_down),
        cmocka_unit_test(numbers_go_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
