/* vf_mailbox.c - messages of a VF through the mailbox of the 1 and 10 Gb/s chips (intel_mbx.h), as
 * vf_client.h wants them carried.
 *
 * Documents: those of intel_mbx.h.  Everything the PF says is hostile: it is copied once, and an
 * answer counts when we asked, and once. */
#include "nic/intel/vf_client.h"

#include "kernel/log.h"
#include "kernel/mmio.h"

#include <string.h>

/* Registers --------------------------------------------------------------- */

/* The only reader of the register: what reading clears is kept in c->events. */
static uint32_t mailbox_read(struct vf_client *c)
{
    uint32_t value = mmio_read32(c->mailbox);
    if (value != UINT32_MAX)
        c->events |= value & MBX_V2P_CLEARED;
    return value;
}

/* What the mailbox register tells: false when there is nothing to do this time. */
static bool mailbox_look(struct vf_client *c)
{
    uint32_t mailbox = mailbox_read(c);
    if (mailbox == UINT32_MAX) { /* some of its bits are always 0 */
        vf_client_gone(c);
        return false;
    }
    if (mailbox & MBX_V2P_RSTI) {
        c->events = 0;
        vf_client_pf_resets(c);
        return false;
    }
    /* Done before we greeted: it is the reset that we waited for.  Later: another one. */
    if (c->events & MBX_V2P_RSTD && c->state >= VF_GREETING) {
        vf_client_pf_resets(c);
        c->events = 0;
    }
    c->events &= ~MBX_V2P_RSTD;
    /* The PF speaks, so it is there; but it may be one that never stops. */
    if (c->events & MBX_V2P_PFSTS)
        vf_client_hurry(c);
    return true;
}

static bool mailbox_there(struct vf_client *c)
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

/* Writes the message when the buffer is to be had.  One from the PF that lies there is read
 * first: the next turn finds it in c->events. */
static void mailbox_send(struct vf_client *c)
{
    if (!mail_take_buffer(c) || c->events & MBX_V2P_PFSTS)
        return;
    c->events &= MBX_V2P_RSTD;
    for (unsigned i = 0; i < c->mail.count; i++)
        mmio_write32(c->memory + 4 * i, c->mail.words[i]);
    mmio_write32(c->mailbox, MBX_V2P_REQ);
    vf_client_sent(c);
}

/* Messages ---------------------------------------------------------------- */

/* ACK and the address of this VF, or NACK: it has none. */
static void greeting_answered(struct vf_client *c, const uint32_t *words)
{
    uint8_t mac[MAC_LEN];
    memcpy(mac, &words[1], MAC_LEN);
    c->mail.count = 0;
    c->state = VF_OPEN;
    vf_settings_forget(c);
    c->multicast_type = c->mail.reply > MBX_RESET_MULTICAST ? words[MBX_RESET_MULTICAST] : 0;
    vf_settings_address(c, words[0] & MBX_ACK ? mac : NULL);
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
        if (c->state == VF_GREETING)
            greeting_answered(c, words);
        else
            vf_client_answered(c, ack, words);
    } else if (c->state == VF_OPEN && nack && !ack && !(word & (MBX_CTS | MBX_TYPE))) {
        cts_gone(c); /* Linux's igb to a VF that it does not listen to */
    } else {
        vf_client_nonsense(c, word);
    }
}

static void mailbox_greet(struct vf_client *c)
{
    uint8_t mac[MAC_LEN];
    if (c->ops->address) {
        c->ops->address(c->owner, mac);
        c->state = VF_OPEN;
        vf_settings_forget(c);
        vf_settings_address(c, mac);
        return;
    }
    c->state = VF_GREETING;
    c->events = 0; /* an old message answers nothing */
    c->mail.words[0] = MBX_VF_RESET;
    c->mail.what = MBX_VF_RESET;
    c->mail.count = 1;
    c->mail.reply = c->family->settings[SETTING_API] ? MBX_RESET_WORDS : VF_REPLY_WORDS;
}

static void mailbox_receive(struct vf_client *c)
{
    uint32_t words[MBX_WORDS] = { 0 };
    if (mail_read(c, words))
        message_received(c, words);
}

const struct vf_transport vf_mailbox = { .look = mailbox_look,
                                         .there = mailbox_there,
                                         .greet = mailbox_greet,
                                         .receive = mailbox_receive,
                                         .send = mailbox_send };
