/* icmp_limit.c - limits of errors (icmp_limit.h). */
#include "apps/ip/icmp_limit.h"

#include "apps/forward/event.h"
#include "apps/forward/interface.h"
#include "kernel/limit.h"
#include "kernel/numbered.h"
#include "kernel/random.h"
#include "kernel/time.h"

#include <stdlib.h>
#include <string.h>

#define ICMP_SOURCES 1024u /* limits that sources share by their hash */

/* One second's errors in all, by the interface that the bad packets came in on, and by their
 * source: so that one scanner takes no more than its share (unread: RFC 1812 4.3.2.8). */
static struct limit all_errors, source_errors[ICMP_SOURCES];
static struct numbered interface_errors; /* struct limit, by the interface's number */

static void limit_forget(unsigned interface)
{
    free(numbered_get(&interface_errors, interface));
    numbered_clear(&interface_errors, interface);
}

void icmp_limit_reset(void)
{
    all_errors = (struct limit){ 0 };
    memset(source_errors, 0, sizeof source_errors);
    for (unsigned i = 0; i < interface_errors.limit; i++)
        if (numbered_get(&interface_errors, i))
            limit_forget(i);
    numbered_free(&interface_errors);
}

/* NULL: no memory; then the others have to do. */
static struct limit *limit_of(uint16_t interface)
{
    struct limit *limit = numbered_get(&interface_errors, interface);
    if (limit || interface == INTERFACE_NONE)
        return limit;
    limit = calloc(1, sizeof *limit);
    if (limit && numbered_set(&interface_errors, interface, limit)) {
        free(limit);
        limit = NULL;
    }
    return limit;
}

bool icmp_limit_take(uint16_t interface, uint64_t source)
{
    uint64_t now_us = time_us();
    struct limit *near = limit_of(interface);
    struct limit *of_source = &source_errors[random_mix(source) % ICMP_SOURCES];
    if (!limit_allows(&all_errors, now_us, ICMP_ERROR_RATE, ICMP_ERROR_BURST) ||
        (near && !limit_allows(near, now_us, ICMP_INTERFACE_RATE, ICMP_INTERFACE_BURST)) ||
        !limit_allows(of_source, now_us, ICMP_SOURCE_RATE, ICMP_SOURCE_BURST))
        return false;
    limit_take(&all_errors, now_us, ICMP_ERROR_RATE);
    limit_take(of_source, now_us, ICMP_SOURCE_RATE);
    if (near)
        limit_take(near, now_us, ICMP_INTERFACE_RATE);
    return true;
}

static void heard(const struct event *event)
{
    if (event->kind == EVENT_INTERFACE_GONE)
        limit_forget(event->interface->number);
}

EVENT_LISTENER(icmp_limit_listener) = { .order = EVENT_ORDER_IP, .heard = heard };
