/* vf_client.c - a VF and its PF (vf_client.h): lost and found, one message at a time. */
#include "nic/intel/vf_client.h"

#include "kernel/log.h"
#include "kernel/time.h"

#include <inttypes.h>
#include <string.h>

#define SETTLE_US (1 * US_PER_MS)   /* from our reset to the first message */
#define ANSWER_US (200 * US_PER_MS) /* a PF's driver answers one message; doubled if not */
#define ANSWER_MAX_US (1600 * US_PER_MS)
#define ASKS 3u                       /* before it counts as silent */
#define PAUSE_MIN_US (20 * US_PER_MS) /* between resets that came to nothing, doubled */
#define PAUSE_MAX_US (5 * US_PER_S)
#define STABLE_US (1 * US_PER_S) /* of service, and the next pause is none */
#define TELL_US (10 * US_PER_S)  /* the same trouble is told again */
#define CHECK_US (10 * US_PER_S) /* a PF that went without a word is noticed */

/* The log ----------------------------------------------------------------- */

/* True when this may be told now: the PF, or whoever plays it, does not fill our log. */
bool vf_client_tells(struct vf_client *c, unsigned news)
{
    if (c->told_us[news] && c->now_us - c->told_us[news] < TELL_US)
        return false;
    c->told_us[news] = c->now_us ? c->now_us : 1;
    return true;
}

/* Reset ------------------------------------------------------------------- */

void vf_client_reset(struct vf_client *c)
{
    c->ops->reset(c->owner);
    c->state = VF_SETTLING;
    c->events = 0;
    c->resume_us = c->now_us + SETTLE_US;
    c->generation++;
    c->settled = false;
}

/* Each reason once until the PF is found again. */
static bool tells_lost(struct vf_client *c, unsigned why)
{
    if (c->told & 1u << why || !vf_client_tells(c, why))
        return false;
    c->told |= 1u << why;
    return true;
}

/* The only way back to the beginning.  From here on nobody touches the queues.  Who is lost
 * already is not lost again: the PF's reset, its silence and a late message are one trouble. */
bool vf_client_lost(struct vf_client *c, unsigned why)
{
    c->ops->lost(c->owner);
    c->port.pending = true;
    c->mail.count = 0;
    if (c->state != VF_LOST) {
        if (c->settled && c->now_us - c->settled_us >= STABLE_US)
            c->pause_us = 0;
        if (c->settled)
            c->lost_us = c->now_us;
        c->state = VF_LOST;
        c->settled = false;
        c->resume_us = c->now_us + c->pause_us;
        c->pause_us = c->pause_us ? c->pause_us * 2 : PAUSE_MIN_US;
        if (c->pause_us > PAUSE_MAX_US)
            c->pause_us = PAUSE_MAX_US;
    }
    return tells_lost(c, why);
}

unsigned vf_client_pause_ms(const struct vf_client *c)
{
    return c->resume_us > c->now_us ? (unsigned)((c->resume_us - c->now_us) / US_PER_MS) : 0;
}

/* The chip's reset switched the queues off and cleared the counters. */
void vf_client_pf_resets(struct vf_client *c)
{
    c->ops->away(c->owner, false);
    if (vf_client_lost(c, NEWS_PF_RESET))
        log_warning("%s: the PF is being reset, or is not up: link down until it is", c->name);
}

void vf_client_gone(struct vf_client *c)
{
    if (vf_client_lost(c, NEWS_GONE))
        log_error("%s: registers read ffffffff: the function does not answer any more", c->name);
    c->ops->away(c->owner, true);
}

/* Messages ---------------------------------------------------------------- */

/* On a loaded host a PF may need longer.  A reset would not help it: Linux's ixgbe, which finds it
 * behind the message that it works on, then takes the address back that it has just granted. */
static uint64_t answer_us(const struct vf_client *c)
{
    return ANSWER_US << c->patience;
}

static void mail_queue(struct vf_client *c)
{
    if (!c->mail.what)
        c->mail.what = c->mail.words[0] & MBX_TYPE;
    c->mail.asks = 0;
    c->mail.sent = false;
    c->mail.deadline_us = c->now_us + answer_us(c);
}

void vf_client_sent(struct vf_client *c)
{
    c->mail.sent = true;
    c->mail.deadline_us = c->now_us + answer_us(c);
}

void vf_client_answered(struct vf_client *c, bool granted, const uint32_t *answer)
{
    c->mail.count = 0;
    vf_settings_answered(c, granted, answer);
}

void vf_client_nonsense(struct vf_client *c, uint32_t word)
{
    c->nonsense++;
    if (vf_client_tells(c, NEWS_NONSENSE))
        log_info("%s: message %08" PRIx32 " from the PF answers nothing that was asked", c->name,
                 word);
}

/* A message can be lost: the PF's own may have fallen on it in the buffer.  The same one
 * again does no harm; something else would find the old one's answer. */
static void mail_expire(struct vf_client *c)
{
    if (c->now_us < c->mail.deadline_us)
        return;
    c->timeouts++;
    if (answer_us(c) < ANSWER_MAX_US)
        c->patience++;
    if (++c->mail.asks < ASKS) {
        c->mail.sent = false;
        c->mail.deadline_us = c->now_us + answer_us(c);
        return;
    }
    if (vf_client_lost(c, NEWS_PF_SILENT))
        log_warning("%s: the PF does not answer (mailbox time-out: message %04" PRIx32
                    ", %u times, up to %u ms); trying again in %u ms",
                    c->name, c->mail.what, ASKS, (unsigned)(answer_us(c) / US_PER_MS),
                    vf_client_pause_ms(c));
}

/* The state machine ------------------------------------------------------- */

/* Nobody is left to be waited for when every setting was asked since the last change. */
static void settle(struct vf_client *c)
{
    char text[MAC_TEXT];
    c->port.pending = false;
    if (!c->ops->ready(c->owner) || c->settled)
        return;
    c->settled = true;
    c->patience = 0;
    c->told = 0;
    c->settled_us = c->now_us;
    c->check_us = c->now_us + CHECK_US;
    mac_format(c->mac_granted, text);
    if (c->lost_us && vf_client_tells(c, NEWS_BACK))
        log_info("%s: the PF is back after %" PRIu64 " ms: MAC %s, MTU %u", c->name,
                 (uint64_t)((c->now_us - c->lost_us) / US_PER_MS), text, c->port.mtu);
    else if (!c->lost_us && vf_client_tells(c, NEWS_ANSWERS))
        log_info("%s: the PF answers: MAC %s, MTU %u", c->name, text, c->port.mtu);
}

static void serve_mail(struct vf_client *c)
{
    c->transport->receive(c);
    if (c->mail.count)
        mail_expire(c);
    if (c->state == VF_OPEN && !c->mail.count && vf_settings_next(c))
        mail_queue(c);
    else if (c->state == VF_OPEN && !c->mail.count)
        settle(c);
    if (c->mail.count && !c->mail.sent)
        c->transport->send(c);
}

/* False: there is nothing to say yet. */
static bool advance(struct vf_client *c)
{
    if (c->state >= VF_GREETING)
        return true;
    if (c->now_us < c->resume_us)
        return false;
    if (c->state == VF_LOST) {
        vf_client_reset(c);
        return false;
    }
    c->ops->clean(c->owner);
    c->transport->greet(c);
    if (c->state == VF_GREETING)
        mail_queue(c);
    return true;
}

void vf_client_hurry(struct vf_client *c)
{
    if (c->state < VF_GREETING && c->resume_us > c->now_us + PAUSE_MIN_US)
        c->resume_us = c->now_us + PAUSE_MIN_US;
}

bool vf_client_is_open(const struct vf_client *c)
{
    return c->state == VF_OPEN && c->settled;
}

bool vf_client_poll(struct vf_client *c, uint64_t now_us)
{
    c->now_us = now_us;
    c->link_news = false;
    if (!c->transport->look(c) || !advance(c))
        return false;
    serve_mail(c);
    if (c->settled && now_us >= c->check_us) {
        c->check_us = now_us + CHECK_US;
        vf_settings_check(c);
    }
    return true;
}
