/* traceroute.c - the command `traceroute`: who is on the way, by echo requests that may take one
 * hop more each time. */
#include "apps/ip/probe.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>

#define HOPS_MAX 30u
#define TRIES 3u
#define WAIT_US US_PER_S

/* Up to three times, until somebody answers; false: interrupted. */
static bool hop_ask(struct command_call *call, struct echo *e)
{
    char from[IP_TEXT], ms[MS_TEXT];
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t sent_us = time_us();
        bool sent, go_on = probe_once(call, e, WAIT_US, &sent);
        if (e->answered) {
            out_printf(call->out, "%2u  %s  %s ms%s\n", e->request.hops,
                       ip_format(e->answer.from, from), probe_ms(e->answered_us - sent_us, ms),
                       e->answer.outcome == ECHO_UNREACHABLE ? "  unreachable"
                       : e->answer.outcome == ECHO_REFUSED   ? "  refused"
                                                             : "");
            return true;
        }
        if (!go_on)
            return false;
    }
    out_printf(call->out, "%2u  no answer\n", e->request.hops);
    return true;
}

COMMAND_AT_ONCE(cmd_traceroute, "traceroute ADDRESS [interface INTERFACE]",
                "Show the routers on the way to an address; Ctrl-C stops");
static int cmd_traceroute(struct command_call *call)
{
    struct echo e = { .request.size = 32 };
    if (probe_check(call, "traceroute", &e.request))
        return -EINVAL;
    echo_begin(&e);
    for (e.request.hops = 1; e.request.hops <= HOPS_MAX; e.request.hops++)
        if (!hop_ask(call, &e) || (e.answered && e.answer.outcome != ECHO_EXCEEDED))
            break;
    echo_end(&e);
    return 0;
}
