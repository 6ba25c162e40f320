/* ping.c - the command `ping`: echo requests, one a second (RFC 792). */
#include "apps/console/command.h"
#include "apps/ip/address.h"
#include "apps/ip/icmp.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/router.h"
#include "kernel/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PING_COUNT 5u
#define PING_COUNT_MAX 1000000u
#define PING_DATA 56u
#define PING_INTERVAL_US US_PER_S

/* The one that is under way: there is one console. */
static struct {
    uint16_t id, sequence; /* waited for; id 0: none */
    bool answered;
    uint64_t answered_us;
    struct icmp_answer answer;
} waiting;

struct summary {
    unsigned sent, received;
    uint64_t least_us, most_us, sum_us;
};

void ping_answered(const struct icmp_answer *answer)
{
    if (!waiting.id || waiting.answered || answer->id != waiting.id ||
        answer->sequence != waiting.sequence)
        return;
    waiting.answer = *answer;
    waiting.answered_us = time_us();
    waiting.answered = true;
}

/* Until the time, or also until the answer; false: interrupted. */
static bool wait_until(const struct command_call *call, uint64_t end_us, bool for_answer)
{
    while (time_us() < end_us && !(for_answer && waiting.answered))
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

static void report(struct out *out, struct summary *sum, uint64_t sent_us)
{
    struct icmp_answer a = waiting.answer;
    uint64_t us = waiting.answered_us - sent_us;
    char from[IPV4_TEXT], ms[MS_TEXT];
    ipv4_format(a.from, from);
    if (!waiting.answered) {
        out_printf(out, "no answer to %u\n", waiting.sequence);
    } else if (a.type != ICMP_ECHO_REPLY) {
        out_printf(out, "%s from %s\n",
                   a.type == ICMP_TIME_EXCEEDED ? "time to live exceeded"
                   : a.type == ICMP_UNREACHABLE ? "unreachable"
                                                : "refused",
                   from);
    } else {
        sum->received++;
        sum->sum_us += us;
        sum->most_us = max_u64(sum->most_us, us);
        sum->least_us = sum->received == 1 ? us : min_u64(sum->least_us, us);
        out_printf(out, "%" PRIu32 " bytes from %s: sequence %u, ttl %u, %s ms\n", a.length, from,
                   a.sequence, a.ttl, format_ms(us, ms));
    }
}

/* One request; false: interrupted. */
static bool ping_once(struct command_call *call, uint32_t to, struct summary *sum, bool last)
{
    uint64_t sent_us = time_us();
    waiting.answered = false;
    waiting.sequence++;
    sum->sent += icmp_echo_send(control_worker(), to, waiting.id, waiting.sequence, PING_DATA);
    bool go_on = wait_until(call, sent_us + PING_INTERVAL_US, true);
    if (go_on || waiting.answered)
        report(call->out, sum, sent_us);
    return go_on && (last || wait_until(call, sent_us + PING_INTERVAL_US, false));
}

static int ping(struct command_call *call, uint64_t count)
{
    static uint16_t last_id;
    uint32_t to = load_be32(call->arg[0].prefix.bytes);
    struct summary sum = { 0 };
    char least[MS_TEXT], mean[MS_TEXT], most[MS_TEXT];
    if (call->arg[0].prefix.ipv6)
        return command_error(call, "IPv6 is not built yet, expected an IPv4 address");
    if (!router_running())
        return command_error(call, "ping needs mode l3, expected `forward l3` first");
    if (!count || count > PING_COUNT_MAX)
        return command_error(call, "count is %" PRIu64 ", expected 1 to %u", count, PING_COUNT_MAX);
    if (address_find(to))
        return command_error(call, "%s is our own address, expected somebody else's",
                             call->arg[0].word);
    if (!icmp_can_reach(to))
        return command_error(call, "there is no route to %s, expected an address that one leads to",
                             call->arg[0].word);
    waiting.id = ++last_id ? last_id : ++last_id;
    waiting.sequence = 0;
    for (uint64_t i = 1; i <= count; i++)
        if (!ping_once(call, to, &sum, i == count))
            break;
    waiting.id = 0;
    out_printf(call->out, "%u sent, %u received", sum.sent, sum.received);
    if (sum.received)
        out_printf(call->out, ", least %s, mean %s, most %s ms", format_ms(sum.least_us, least),
                   format_ms(sum.sum_us / sum.received, mean), format_ms(sum.most_us, most));
    out_text(call->out, "\n");
    return 0;
}

COMMAND(cmd_ping, "ping ADDRESS", "Send five echo requests");
static int cmd_ping(struct command_call *call)
{
    return ping(call, PING_COUNT);
}

COMMAND(cmd_ping_count, "ping ADDRESS count NUMBER", "Send echo requests; Ctrl-C stops");
static int cmd_ping_count(struct command_call *call)
{
    return ping(call, call->arg[1].number);
}
