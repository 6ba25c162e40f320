/* probe.c - requests that commands send (probe.h). */
#include "apps/ip/probe.h"

#include "apps/ip/address.h"
#include "apps/ip/argument.h"
#include "apps/ip/icmp6_echo.h"
#include "apps/ip/icmp_echo.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/running.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* An address is being looked for: perhaps there is no other that the request could come from. */
static const struct address *tentative(const struct echo_request *request)
{
    const struct address *a;
    for (unsigned i = 0; !ip_is_v4(request->to) && (a = address_at(i)); i++)
        if (a->state == ADDRESS_TENTATIVE && address_in_effect(a) && address_interface(a)->up &&
            (request->interface == INTERFACE_NONE || request->interface == a->interface))
            return a;
    return NULL;
}

static int no_route(struct command_call *call, const struct echo_request *request)
{
    const struct address *early = tentative(request);
    char text[IP_TEXT];
    if (early)
        return command_error(call,
                             "there is no way to %s yet: %s is tentative, expected another "
                             "try in a second",
                             call->arg[0].word, ip_format(early->address, text));
    return command_error(call, "there is no route to %s, expected an address that one leads to",
                         call->arg[0].word);
}

int probe_check(struct command_call *call, const char *name, struct echo_request *request)
{
    const struct command_arg *on = command_option(call, "interface");
    const char *word = call->arg[0].word;
    if (ip_argument(call, 0, &request->to))
        return -EINVAL;
    request->interface = on ? on->interface->number : INTERFACE_NONE;
    if (!ip_running())
        return command_error(call,
                             "%s needs mode l2 or l3, and that it was started, expected "
                             "`forward l3` first",
                             name);
    if (!on && (ipv6_is_link_local(request->to) || ipv6_is_multicast(request->to)))
        return command_error(call, "%s is %s, expected `interface INTERFACE` behind it", word,
                             ipv6_is_multicast(request->to) ? "a group" : "link-local");
    if (on ? address_is_ours(on->interface, request->to) : !!address_find(request->to))
        return command_error(call, "%s is our own address, expected somebody else's", word);
    if (!(ip_is_v4(request->to) ? icmp_can_reach(request) : icmp6_can_reach(request)))
        return no_route(call, request);
    return 0;
}

bool probe_wait_until(const struct command_call *call, uint64_t end_us)
{
    while (time_us() < end_us)
        if (!command_wait(call))
            return false;
    return true;
}

bool probe_once(const struct command_call *call, struct echo *e, uint64_t wait_us, bool *sent)
{
    uint64_t end_us = time_us() + wait_us;
    struct worker *control = control_worker();
    e->answered = false;
    e->request.sequence++;
    *sent = ip_is_v4(e->request.to) ? icmp_echo_send(control, &e->request)
                                    : icmp6_echo_send(control, &e->request);
    while (time_us() < end_us && !e->answered)
        if (!command_wait(call))
            return false;
    return true;
}

const char *probe_ms(uint64_t us, char text[MS_TEXT])
{
    snprintf(text, MS_TEXT, "%" PRIu64 ".%03u", (uint64_t)(us / US_PER_MS),
             (unsigned)(us % US_PER_MS));
    return text;
}
