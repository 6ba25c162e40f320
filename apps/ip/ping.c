/* ping.c - the command `ping`: echo requests, one a second (RFC 792). */
#include "apps/console/command.h"
#include "apps/ip/address.h"
#include "apps/ip/argument.h"
#include "apps/ip/icmp.h"
#include "apps/ip/icmp_echo.h"
#include "apps/ip/running.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PING_COUNT 5u
#define PING_COUNT_MAX 1000000u
#define PING_DATA 56u
#define PING_DATA_MAX 1472u /* what one datagram of 1500 octets holds */
#define PING_INTERVAL_US US_PER_S

/* One that is under way; each console may have its own. */
struct ping {
    struct ping *next;
    uint16_t id, sequence; /* waited for */
    bool answered;
    uint64_t answered_us;
    struct icmp_answer answer;
    uint16_t size; /* of the data */
    unsigned sent, received;
    uint64_t least_us, most_us, sum_us;
};

static struct ping *pings;

static void ping_answered(const struct icmp_answer *answer)
{
    struct ping *p = pings;
    while (p && (answer->id != p->id || answer->sequence != p->sequence))
        p = p->next;
    if (!p || p->answered)
        return;
    p->answer = *answer;
    p->answered_us = time_us();
    p->answered = true;
}

static void ping_begin(struct ping *p)
{
    static uint16_t last_id;
    p->id = ++last_id;
    p->next = pings;
    pings = p;
    icmp_on_answer(ping_answered);
}

static void ping_end(struct ping *p)
{
    struct ping **at = &pings;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
}

/* Until the time, or also until the answer; false: interrupted. */
static bool wait_until(const struct command_call *call, const struct ping *p, uint64_t end_us,
                       bool for_answer)
{
    while (time_us() < end_us && !(for_answer && p->answered))
        if (!command_wait(call))
            return false;
    return true;
}

#define MS_TEXT 24

static const char *format_ms(uint64_t us, char text[MS_TEXT])
{
    snprintf(text, MS_TEXT, "%" PRIu64 ".%03u", (uint64_t)(us / US_PER_MS),
             (unsigned)(us % US_PER_MS));
    return text;
}

static void report_reply(struct out *out, struct ping *p, uint64_t us)
{
    char from[IP_TEXT], ms[MS_TEXT];
    ip_format(p->answer.from, from);
    p->received++;
    p->sum_us += us;
    p->most_us = max_u64(p->most_us, us);
    p->least_us = p->received == 1 ? us : min_u64(p->least_us, us);
    out_printf(out, "%" PRIu32 " bytes from %s: sequence %u, ttl %u, %s ms\n", p->answer.length,
               from, p->answer.sequence, p->answer.ttl, format_ms(us, ms));
}

static void report(struct out *out, struct ping *p, uint64_t sent_us)
{
    char from[IP_TEXT];
    ip_format(p->answer.from, from);
    if (!p->answered)
        out_printf(out, "no answer to %u\n", p->sequence);
    else if (p->answer.type == ICMP_ECHO_REPLY)
        report_reply(out, p, p->answered_us - sent_us);
    else
        out_printf(out, "%s from %s\n",
                   p->answer.type == ICMP_TIME_EXCEEDED ? "time to live exceeded"
                   : p->answer.type == ICMP_UNREACHABLE ? "unreachable"
                                                        : "refused",
                   from);
}

static void report_all(struct out *out, const struct ping *p)
{
    char least[MS_TEXT], mean[MS_TEXT], most[MS_TEXT];
    out_printf(out, "%u sent, %u received", p->sent, p->received);
    if (p->received)
        out_printf(out, ", least %s, mean %s, most %s ms", format_ms(p->least_us, least),
                   format_ms(p->sum_us / p->received, mean), format_ms(p->most_us, most));
    out_text(out, "\n");
}

/* One request; false: interrupted. */
static bool ping_once(struct command_call *call, struct ip_address to, struct ping *p, bool last)
{
    uint64_t sent_us = time_us();
    p->answered = false;
    p->sequence++;
    p->sent += icmp_echo_send(control_worker(), to, p->id, p->sequence, p->size);
    bool go_on = wait_until(call, p, sent_us + PING_INTERVAL_US, true);
    if (go_on || p->answered)
        report(call->out, p, sent_us);
    return go_on && (last || wait_until(call, p, sent_us + PING_INTERVAL_US, false));
}

static int check(struct command_call *call, struct ip_address to, uint64_t count, uint64_t size)
{
    if (!ip_running())
        return command_error(call, "ping needs mode l2 or l3, expected `forward l3` first");
    if (!count || count > PING_COUNT_MAX)
        return command_error(call, "count is %" PRIu64 ", expected 1 to %u", count, PING_COUNT_MAX);
    if (size > PING_DATA_MAX)
        return command_error(call, "size is %" PRIu64 ", expected 0 to %u", size, PING_DATA_MAX);
    if (address_find(to))
        return command_error(call, "%s is our own address, expected somebody else's",
                             call->arg[0].word);
    if (!icmp_can_reach(to))
        return command_error(call, "there is no route to %s, expected an address that one leads to",
                             call->arg[0].word);
    return 0;
}

static int ping(struct command_call *call, uint64_t count, uint64_t size)
{
    struct ip_address to;
    struct ping p = { .size = (uint16_t)size };
    if (ip_argument(call, 0, &to) || check(call, to, count, size))
        return -EINVAL;
    ping_begin(&p);
    for (uint64_t i = 1; i <= count; i++)
        if (!ping_once(call, to, &p, i == count))
            break;
    ping_end(&p);
    report_all(call->out, &p);
    return 0;
}

COMMAND_AT_ONCE(cmd_ping, "ping ADDRESS [count NUMBER] [size NUMBER]",
                "Send echo requests, five unless told; Ctrl-C stops");
static int cmd_ping(struct command_call *call)
{
    const struct command_arg *count = command_option(call, "count");
    const struct command_arg *size = command_option(call, "size");
    return ping(call, count ? count->number : PING_COUNT, size ? size->number : PING_DATA);
}
