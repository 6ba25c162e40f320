/* iavf_channel.c - messages of an adaptive VF through its admin queue, and
 * resets of the function (virtchnl.h), as vf_client.h wants them carried.
 *
 * There is one owner of resets: the state machine.  A reset by the PF, whoever
 * asked for it, shows as an admin queue that is off (its enable bit is gone);
 * then VFGEN_RSTAT says when the PF's driver listens again, and no further
 * reset is asked for.  An announcement (RESET_IMPENDING) lets the queues rest
 * and starts nothing: it may be of a reset that is over.
 *
 * Everything the PF says is hostile: it is copied once, and an answer counts
 * when we asked, and once. */
#include "nic/intel/iavf/iavf.h"

#include "kernel/task.h"
#include "kernel/time.h"

#include <inttypes.h>
#include <string.h>

#define RESET_US (500 * US_PER_MS)  /* from RESET_VF to a reset that shows */
#define IMPENDING_US (1 * US_PER_S) /* from an announcement to its reset */
#define DISABLE_US (500 * US_PER_MS)
#define MBPS_MAX 1000000u  /* more is not believed */
#define EVENTS_AT_ONCE 16u /* a PF that talks without end is left for the next turn */

/* Reset ------------------------------------------------------------------- */

void iavf_channel_was_reset(struct iavf *e)
{
    e->aq.open = false;
    e->was_reset = true;
    e->dma = e->enabled = e->configured = e->mapped = false;
    e->impending_us = 0;
}

static bool is_back(const struct iavf *e)
{
    uint32_t state = intel_read(&e->device, IAVF_VFGEN_RSTAT);
    return state != IAVF_RESETTING && ((state & IAVF_RSTAT_STATE) == VIRTCHNL_RESET_DONE ||
                                       (state & IAVF_RSTAT_STATE) == VIRTCHNL_ACTIVE);
}

/* Else nothing but a function level reset helps, which service() may wait for.
 */
static bool queues_are_off(struct iavf *e)
{
    if (e->dma)
        port_ask_service(&e->pf.port);
    return !e->dma;
}

/* Of an admin queue that is open, in its time. */
static bool look_at_waits(struct iavf *e)
{
    struct vf_client *c = &e->pf;
    if (e->impending_us && c->now_us >= e->impending_us) {
        e->impending_us = 0;
        e->stale++;
        iavf_rest(e, false);
    }
    if (c->state != VF_SETTLING)
        return true;
    if (c->now_us < e->reset_until_us)
        return false; /* the reset that we asked for does not show yet */
    return queues_are_off(e);
}

/* An answer that was lost is asked for again, but nobody repeats an event: of the link, say. */
static void words_were_lost(struct iavf *e, uint32_t length)
{
    struct vf_client *c = &e->pf;
    intel_write(&e->device, e->aq.layout->receive.length, length & ~I40E_AQ_LEN_OVFL);
    e->deafened++;
    if (c->state == VF_OPEN && vf_client_lost(c, IAVF_NEWS_LOST_WORDS))
        log_warning("%s: there was no room for what the PF said: resetting in %u ms", c->name,
                    vf_client_pause_ms(c));
}

/* The enable bit tells of resets, whoever's; the chip's own let no register
 * answer. */
static bool channel_look(struct vf_client *c)
{
    struct iavf *e = c->owner;
    uint32_t length = intel_read(&e->device, e->aq.layout->receive.length);
    if (length == UINT32_MAX) {
        iavf_channel_was_reset(e);
        vf_client_gone(c);
        return false;
    }
    if (length != IAVF_RESETTING && e->aq.open && length & I40E_AQ_LEN_ENABLE) {
        if (length & I40E_AQ_LEN_OVFL)
            words_were_lost(e, length);
        return look_at_waits(e);
    }
    if (e->aq.open)
        iavf_channel_was_reset(e);
    if (c->state >= VF_GREETING || !is_back(e)) {
        if (c->state != VF_SETTLING)
            vf_client_pf_resets(c);
        return false;
    }
    return queues_are_off(e);
}

static bool channel_there(struct vf_client *c)
{
    struct iavf *e = c->owner;
    uint32_t length = intel_read(&e->device, e->aq.layout->receive.length);
    return length != UINT32_MAX && length != IAVF_RESETTING && e->aq.open &&
           length & I40E_AQ_LEN_ENABLE;
}

/* Messages ---------------------------------------------------------------- */

unsigned iavf_say(struct iavf *e, enum virtchnl_op op, const void *bytes, uint16_t n)
{
    e->op = e->pf.mail.what = op;
    e->length = n;
    if (bytes)
        memcpy(e->message, bytes, n);
    return 1;
}

static bool post(struct iavf *e)
{
    const struct i40e_aq_desc d = { .opcode = VIRTCHNL_TO_PF,
                                    .flags = I40E_AQ_SI,
                                    .cookie_high = e->op };
    return i40e_adminq_post(&e->aq, &d, e->message, e->length);
}

static void channel_send(struct vf_client *c)
{
    if (post(c->owner))
        vf_client_sent(c);
}

/* Without a VERSION there is nothing else; 1.1 is what we speak. */
static void channel_greet(struct vf_client *c)
{
    const struct virtchnl_version ours = { 1, 1 };
    struct iavf *e = c->owner;
    i40e_adminq_close(&e->aq);
    e->was_reset = false;
    pci_bus_master(e->device.pci, true);
    if (!i40e_adminq_open(&e->aq))
        return; /* it does not keep what is written: the next look tells why */
    c->state = VF_GREETING;
    c->mail.count = iavf_say(e, VIRTCHNL_VERSION, &ours, sizeof ours);
}

static void version_answered(struct iavf *e)
{
    struct vf_client *c = &e->pf;
    c->mail.count = 0;
    memcpy(&e->version, e->answer, sizeof e->version);
    if (e->answered < sizeof e->version || e->status || e->version.major != 1) {
        if (vf_client_lost(c, IAVF_NEWS_VERSION))
            log_warning("%s: the PF speaks version %" PRIu32 ".%" PRIu32
                        " (status %d), and here 1.0 and 1.1 are spoken; trying again "
                        "in %u ms",
                        c->name, e->version.major, e->version.minor, (int)e->status,
                        vf_client_pause_ms(c));
        return;
    }
    c->state = VF_OPEN;
    vf_settings_forget(c);
}

/* Speed as Mb/s, or as a bit (bit 0 to 7). */
static uint32_t speed_of(const struct iavf *e, uint32_t speed)
{
    static const uint16_t bits[] = { 2500, 100, 1000, 10000, 40000, 20000, 25000, 5000 };
    if (e->given.caps & VIRTCHNL_CAP_LINK_SPEED)
        return speed <= MBPS_MAX ? speed : 0;
    return speed && speed < 1u << ARRAY_SIZE(bits) ? bits[__builtin_ctz(speed)] : 0;
}

static void event_received(struct iavf *e)
{
    struct vf_client *c = &e->pf;
    struct virtchnl_event event;
    memcpy(&event, e->answer, sizeof event);
    if (e->answered < sizeof event || c->state != VF_OPEN)
        return; /* before that it is old news */
    if (event.code == VIRTCHNL_EVENT_LINK) {
        e->link_up = event.up;
        e->link_mbps = speed_of(e, event.speed);
        c->link_news = true;
        vf_settings_retry(c);
    } else if (event.code == VIRTCHNL_EVENT_RESET_IMPENDING) {
        e->impending_us = c->now_us + IMPENDING_US;
        iavf_rest(e, true);
        c->link_news = true;
        if (vf_client_tells(c, IAVF_NEWS_IMPENDING))
            log_info("%s: the PF announces a reset", c->name);
    }
}

static void message_received(struct iavf *e, uint32_t op)
{
    struct vf_client *c = &e->pf;
    if (op == VIRTCHNL_EVENT)
        event_received(e);
    else if (!c->mail.count || !c->mail.sent || op != e->op)
        vf_client_nonsense(c, op);
    else if (c->state == VF_GREETING)
        version_answered(e);
    else
        vf_client_answered(c, !e->status, e->answer);
}

/* What an answer lacks in length reads as zeros. */
static bool receive_one(struct iavf *e)
{
    struct i40e_aq_desc d;
    uint16_t n = VIRTCHNL_MESSAGE_MAX;
    memset(e->answer, 0, sizeof(struct virtchnl_stats));
    if (!i40e_adminq_receive(&e->aq, &d, e->answer, &n))
        return false;
    e->answered = n;
    e->status = (int32_t)d.cookie_low;
    message_received(e, d.cookie_high);
    return true;
}

static void channel_receive(struct vf_client *c)
{
    struct iavf *e = c->owner;
    struct i40e_aq_desc d;
    while (i40e_adminq_done(&e->aq, &d, NULL, 0))
        ;
    for (unsigned i = 0; i < EVENTS_AT_ONCE && receive_one(e); i++)
        ;
}

const struct vf_transport iavf_channel = { .look = channel_look,
                                           .there = channel_there,
                                           .greet = channel_greet,
                                           .receive = channel_receive,
                                           .send = channel_send };

/* Waiting ----------------------------------------------------------------- */

/* Until nothing is under way. */
static bool wait_for_answer(struct iavf *e)
{
    struct deadline deadline = deadline_us(DISABLE_US);
    bool late = false;
    while (e->pf.mail.count) {
        if (late)
            return false;
        late = task_deadline_passed(&deadline);
        if (!channel_there(&e->pf)) /* by now */
            return false;
        e->pf.now_us = time_us();
        channel_receive(&e->pf);
    }
    return true;
}

/* What came may have been a refusal, of queues that are half on. */
static bool disable(struct iavf *e)
{
    struct vf_client *c = &e->pf;
    uint32_t all = (1u << iavf_queues_to_use(e)) - 1;
    const struct virtchnl_queue_select s = { .vsi = e->given.vsi[0].id, .rx = all, .tx = all };
    if (c->state != VF_OPEN || !wait_for_answer(e) || c->state != VF_OPEN)
        return false;
    c->setting = SETTING_DISABLE;
    c->mail.count = iavf_say(e, VIRTCHNL_DISABLE_QUEUES, &s, sizeof s);
    channel_send(c);
    return wait_for_answer(e) && !e->dma;
}

/* Reset since the last look, or meanwhile: they are off. */
bool iavf_channel_disable(struct iavf *e)
{
    if (channel_there(&e->pf) && disable(e))
        return true;
    if (channel_there(&e->pf))
        return false;
    iavf_channel_was_reset(e);
    return true;
}
