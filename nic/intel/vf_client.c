/* vf_client.c - the VF's end of the mailbox (vf_client.h).
 *
 * Documents: those of intel_mbx.h.  Everything the PF says is hostile: it is copied once, and an
 * answer counts when we asked, and once. */
#include "nic/intel/vf_client.h"

#include "kernel/log.h"
#include "kernel/mmio.h"
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
static void pf_resets(struct vf_client *c)
{
    c->ops->away(c->owner, false);
    if (vf_client_lost(c, NEWS_PF_RESET))
        log_warning("%s: the PF is being reset, or is not up: link down until it is", c->name);
}

/* Mailbox ----------------------------------------------------------------- */

/* The only reader of the register: what reading clears is kept in c->events. */
static uint32_t mailbox_read(struct vf_client *c)
{
    uint32_t value = mmio_read32(c->mailbox);
    if (value != UINT32_MAX)
        c->events |= value & MBX_V2P_CLEARED;
    return value;
}

/* What the mailbox register tells: false when there is nothing to do this time. */
bool vf_client_look(struct vf_client *c)
{
    uint32_t mailbox = mailbox_read(c);
    if (mailbox == UINT32_MAX) { /* some of its bits are always 0 */
        if (vf_client_lost(c, NEWS_GONE))
            log_error("%s: registers read ffffffff: the function does not answer any more",
                      c->name);
        c->ops->away(c->owner, true);
        return false;
    }
    if (mailbox & MBX_V2P_RSTI) {
        c->events = 0;
        pf_resets(c);
        return false;
    }
    /* Done before we greeted: it is the reset that we waited for.  Later: another one. */
    if (c->events & MBX_V2P_RSTD && c->state >= VF_GREETING) {
        pf_resets(c);
        c->events = 0;
    }
    c->events &= ~MBX_V2P_RSTD;
    return true;
}

bool vf_client_there(struct vf_client *c)
{
    uint32_t value = mailbox_read(c);
    return value != UINT32_MAX && !(value & MBX_V2P_RSTI);
}

/* False: the PF has the buffer. */
static bool mail_take_buffer(struct vf_client *c)
{
    mmio_write32(c->mailbox, MBX_V2P_VFU);
    uint32_t value = mailbox_read(c);
    return value != UINT32_MAX && !(value & MBX_V2P_RSTI) && value & MBX_V2P_VFU;
}

static bool mail_read(struct vf_client *c, uint32_t words[MBX_WORDS])
{
    unsigned count = c->mail.count ? c->mail.reply : VF_REPLY_WORDS;
    if (!(c->events & MBX_V2P_PFSTS) || !mail_take_buffer(c))
        return false;
    for (unsigned i = 0; i < count; i++)
        words[i] = mmio_read32(c->memory + 4 * i);
    c->events &= ~MBX_V2P_PFSTS;
    mmio_write32(c->mailbox, MBX_V2P_ACK); /* and the buffer is free */
    return true;
}

/* On a loaded host a PF may need longer.  A reset would not help it: Linux's ixgbe, which finds it
 * behind the message that it works on, then takes the address back that it has just granted. */
static uint64_t answer_us(const struct vf_client *c)
{
    return ANSWER_US << c->patience;
}

static void mail_queue(struct vf_client *c)
{
    c->mail.asks = 0;
    c->mail.sent = false;
    c->mail.deadline_us = c->now_us + answer_us(c);
}

/* Writes the message when the buffer is to be had.  One from the PF that lies there is read
 * first: the next turn finds it in c->events. */
static void mail_send(struct vf_client *c)
{
    if (!mail_take_buffer(c) || c->events & MBX_V2P_PFSTS)
        return;
    c->events &= MBX_V2P_RSTD;
    for (unsigned i = 0; i < c->mail.count; i++)
        mmio_write32(c->memory + 4 * i, c->mail.words[i]);
    mmio_write32(c->mailbox, MBX_V2P_REQ);
    c->mail.sent = true;
    c->mail.deadline_us = c->now_us + answer_us(c);
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
                    c->name, c->mail.words[0] & MBX_TYPE, ASKS,
                    (unsigned)(answer_us(c) / US_PER_MS), vf_client_pause_ms(c));
}

/* Messages ---------------------------------------------------------------- */

/* ACK and the address of this VF, or NACK: it has none. */
static void greeting_answered(struct vf_client *c, const uint32_t *words)
{
    uint8_t mac[MAC_LEN];
    memcpy(mac, &words[1], MAC_LEN);
    c->state = VF_OPEN;
    vf_settings_begin(c, words[0] & MBX_ACK ? mac : NULL,
                      c->mail.reply > MBX_RESET_MULTICAST ? words[MBX_RESET_MULTICAST] : 0);
}

static void cts_gone(struct vf_client *c)
{
    if (vf_client_lost(c, NEWS_NO_CTS))
        log_warning("%s: no clear-to-send from the PF: its driver began anew, or its administrator "
                    "changed something for this VF; resetting in %u ms",
                    c->name, vf_client_pause_ms(c));
}

/* The PF says, unasked, that something changed: link, policy.  What it refused may be granted
 * now.  While we are not open it is old news: the reset that it asks for is under way. */
static void control_received(struct vf_client *c, uint32_t word)
{
    if (c->state != VF_OPEN)
        return;
    c->link_news = true;
    if (word & MBX_CTS)
        vf_settings_retry(c);
    else
        cts_gone(c);
}

static bool answers_ours(const struct vf_client *c, uint32_t word)
{
    return c->mail.count && c->mail.sent && (word & MBX_TYPE) == (c->mail.words[0] & MBX_TYPE);
}

/* Everything in it is the PF's word, and was copied once.  An answer counts when we asked,
 * and once. */
static void message_received(struct vf_client *c, const uint32_t *words)
{
    uint32_t word = words[0];
    bool ack = word & MBX_ACK, nack = word & MBX_NACK;
    if (!ack && !nack && (word & MBX_TYPE) == MBX_PF_CONTROL) {
        control_received(c, word);
    } else if (ack != nack && answers_ours(c, word)) {
        if (c->state == VF_OPEN && nack && !(word & MBX_CTS)) {
            cts_gone(c);
            return;
        }
        c->mail.count = 0;
        if (c->state == VF_GREETING)
            greeting_answered(c, words);
        else
            vf_settings_answered(c, ack, words);
    } else if (c->state == VF_OPEN && nack && !ack && !(word & (MBX_CTS | MBX_TYPE))) {
        cts_gone(c); /* Linux's igb to a VF that it does not listen to */
    } else {
        c->nonsense++;
        if (vf_client_tells(c, NEWS_NONSENSE))
            log_info("%s: message %08" PRIx32 " from the PF answers nothing that was asked",
                     c->name, word);
    }
}

/* The state machine ------------------------------------------------------- */

static void greet(struct vf_client *c)
{
    uint8_t mac[MAC_LEN];
    if (c->ops->address) {
        c->ops->address(c->owner, mac);
        c->state = VF_OPEN;
        vf_settings_begin(c, mac, 0);
        return;
    }
    c->state = VF_GREETING;
    c->events = 0; /* an old message answers nothing */
    c->mail.words[0] = MBX_VF_RESET;
    c->mail.count = 1;
    c->mail.reply = c->family->settings[SETTING_API] ? MBX_RESET_WORDS : VF_REPLY_WORDS;
    mail_queue(c);
}

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
    uint32_t words[MBX_WORDS] = { 0 };
    if (mail_read(c, words))
        message_received(c, words);
    if (c->mail.count)
        mail_expire(c);
    if (c->state == VF_OPEN && !c->mail.count && vf_settings_next(c))
        mail_queue(c);
    else if (c->state == VF_OPEN && !c->mail.count)
        settle(c);
    if (c->mail.count && !c->mail.sent)
        mail_send(c);
}

/* False: there is nothing to say yet. */
static bool advance(struct vf_client *c)
{
    if (c->state >= VF_GREETING)
        return true;
    /* The PF speaks, so it is there; but it may be one that never stops. */
    if (c->events & MBX_V2P_PFSTS && c->resume_us > c->now_us + PAUSE_MIN_US)
        c->resume_us = c->now_us + PAUSE_MIN_US;
    if (c->now_us < c->resume_us)
        return false;
    if (c->state == VF_LOST) {
        vf_client_reset(c);
        return false;
    }
    c->ops->clean(c->owner);
    greet(c);
    return true;
}

bool vf_client_is_open(const struct vf_client *c)
{
    return c->state == VF_OPEN && c->settled;
}

bool vf_client_poll(struct vf_client *c, uint64_t now_us)
{
    c->now_us = now_us;
    c->link_news = false;
    if (!vf_client_look(c) || !advance(c))
        return false;
    serve_mail(c);
    if (c->settled && now_us >= c->check_us) {
        c->check_us = now_us + CHECK_US;
        vf_settings_check(c);
    }
    return true;
}
