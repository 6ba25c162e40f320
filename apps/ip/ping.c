/* ping.c - the command `ping`: echo requests, one a second (RFC 792; unread: RFC 4443 4). */
#include "apps/ip/probe.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>

#define PING_COUNT 5u
#define PING_COUNT_MAX 1000000u
#define PING_DATA 56u
#define PING_DATA_MAX 1472u /* what one datagram of 1500 octets holds */
#define PING_INTERVAL_US US_PER_S

/* One that is under way; each console may have its own. */
struct ping {
    struct echo echo;
    unsigned sent, received;
    uint64_t least_us, most_us, sum_us;
};

static void report_reply(struct out *out, struct ping *p, uint64_t us)
{
    const struct echo_answer *a = &p->echo.answer;
    char from[IP_TEXT], ms[MS_TEXT];
    p->received++;
    p->sum_us += us;
    p->most_us = max_u64(p->most_us, us);
    p->least_us = p->received == 1 ? us : min_u64(p->least_us, us);
    out_printf(out, "%" PRIu32 " bytes from %s: sequence %u, ttl %u, %s ms\n", a->length,
               ip_format(a->from, from), a->sequence, a->ttl, probe_ms(us, ms));
}

static void report(struct out *out, struct ping *p, uint64_t sent_us)
{
    static const char *const outcomes[] = { [ECHO_EXCEEDED] = "time to live exceeded",
                                            [ECHO_UNREACHABLE] = "unreachable",
                                            [ECHO_REFUSED] = "refused" };
    const struct echo_answer *a = &p->echo.answer;
    char from[IP_TEXT];
    if (!p->echo.answered)
        out_printf(out, "no answer to %u\n", p->echo.request.sequence);
    else if (a->outcome == ECHO_REPLY)
        report_reply(out, p, p->echo.answered_us - sent_us);
    else
        out_printf(out, "%s from %s\n", outcomes[a->outcome], ip_format(a->from, from));
}

static void report_all(struct out *out, const struct ping *p)
{
    char least[MS_TEXT], mean[MS_TEXT], most[MS_TEXT];
    out_printf(out, "%u sent, %u received", p->sent, p->received);
    if (p->received)
        out_printf(out, ", least %s, mean %s, most %s ms", probe_ms(p->least_us, least),
                   probe_ms(p->sum_us / p->received, mean), probe_ms(p->most_us, most));
    out_text(out, "\n");
}

/* One request; false: interrupted. */
static bool ping_once(struct command_call *call, struct ping *p, bool last)
{
    uint64_t sent_us = time_us();
    bool sent, go_on = probe_once(call, &p->echo, PING_INTERVAL_US, &sent);
    p->sent += sent;
    if (go_on || p->echo.answered)
        report(call->out, p, sent_us);
    return go_on && (last || probe_wait_until(call, sent_us + PING_INTERVAL_US));
}

static int check(struct command_call *call, uint64_t count, uint64_t size)
{
    if (!count || count > PING_COUNT_MAX)
        return command_error(call, "count is %" PRIu64 ", expected 1 to %u", count, PING_COUNT_MAX);
    if (size > PING_DATA_MAX)
        return command_error(call, "size is %" PRIu64 ", expected 0 to %u", size, PING_DATA_MAX);
    return 0;
}

static int ping(struct command_call *call, uint64_t count, uint64_t size)
{
    struct ping p = { .echo.request.size = (uint16_t)size };
    if (check(call, count, size) || probe_check(call, "ping", &p.echo.request))
        return -EINVAL;
    echo_begin(&p.echo);
    for (uint64_t i = 1; i <= count; i++)
        if (!ping_once(call, &p, i == count))
            break;
    echo_end(&p.echo);
    report_all(call->out, &p);
    return 0;
}

COMMAND_AT_ONCE(cmd_ping, "ping ADDRESS [interface INTERFACE] [count NUMBER] [size NUMBER]",
                "Send echo requests, five unless told; Ctrl-C stops");
static int cmd_ping(struct command_call *call)
{
    const struct command_arg *count = command_option(call, "count");
    const struct command_arg *size = command_option(call, "size");
    return ping(call, count ? count->number : PING_COUNT, size ? size->number : PING_DATA);
}
