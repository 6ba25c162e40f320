/* igbvf.c - a virtual function of Intel's 82576 or I350 as a port.
 *
 * Documents: named in igbvf_regs.h; the mailbox and its messages: intel_mbx.h.
 *
 * What a VF may do its PF's driver decides: one of this image, or a host's that we know
 * nothing of.  So all is a state machine, advanced by poll() and never waiting: the VF resets
 * itself, greets the PF, is granted an address, and asks for its settings one message at a
 * time.  Whatever happens to the PF leads through igbvf_lost() back to the beginning; until
 * the end is reached again the queues are not touched and the link is down.
 *
 * One queue each way.  Not supported: interrupts (we poll), further unicast addresses,
 * offloads beyond igb_ring's. */
#include "nic/intel/igb/igbvf.h"

#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/time.h"
#include "pci/pci_regs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_US (1 * US_PER_MS)     /* from our reset to the first message */
#define ANSWER_US (200 * US_PER_MS)   /* a PF's driver answers one message */
#define ASKS 3u                       /* before it counts as silent */
#define PAUSE_MIN_US (20 * US_PER_MS) /* between resets that came to nothing, doubled */
#define PAUSE_MAX_US (5 * US_PER_S)
#define STABLE_US (1 * US_PER_S)  /* of service, and the next pause is none */
#define TELL_US (10 * US_PER_S)   /* the same trouble is told again */
#define COLLECT_US (1 * US_PER_S) /* octets wrap after 34 s at 1 Gb/s */
#define CHECK_US (10 * US_PER_S)  /* a PF that went without a word is noticed */
#define REVIVE_US (100 * US_PER_MS)
#define DRAIN_US 100u /* a 9 KiB frame under way takes 74 us at 1 Gb/s */

#define REPLY_WORDS 3u /* the longest answer: a reset's, with an address */

/* Registers --------------------------------------------------------------- */

static uint32_t igbvf_read(const struct igbvf *e, uint32_t reg)
{
    return mmio_read32(e->regs + reg);
}

static void igbvf_write(struct igbvf *e, uint32_t reg, uint32_t value)
{
    mmio_write32(e->regs + reg, value);
}

/* The log ----------------------------------------------------------------- */

/* True when this may be told now: the PF, or whoever plays it, does not fill our log. */
bool igbvf_tells(struct igbvf *e, enum igbvf_news news)
{
    if (e->told_us[news] && e->now_us - e->told_us[news] < TELL_US)
        return false;
    e->told_us[news] = e->now_us ? e->now_us : 1;
    return true;
}

/* Reset ------------------------------------------------------------------- */

/* The VF's own reset: its queues are off, and the PF's driver, told by its chip, forgets
 * what it granted. */
static void igbvf_reset(struct igbvf *e)
{
    igbvf_write(e, IGBVF_CTRL, IGBVF_CTRL_RST);
    e->state = IGBVF_SETTLING;
    e->events = 0;
    e->resume_us = e->now_us + SETTLE_US;
    e->generation++;
    e->dma = e->settled = false;
}

/* Each reason once until the PF is found again. */
static bool igbvf_tells_lost(struct igbvf *e, enum igbvf_news why)
{
    if (e->told & 1u << why || !igbvf_tells(e, why))
        return false;
    e->told |= 1u << why;
    return true;
}

/* The only way back to the beginning.  From here on nobody touches the queues.  Who is lost
 * already is not lost again: the PF's reset, its silence and a late message are one trouble. */
bool igbvf_lost(struct igbvf *e, enum igbvf_news why)
{
    e->rx.live = e->tx.live = false;
    e->mail.count = 0;
    e->port.pending = true;
    if (e->state != IGBVF_LOST) {
        if (e->settled && e->now_us - e->settled_us >= STABLE_US)
            e->pause_us = 0;
        if (e->settled)
            e->lost_us = e->now_us;
        e->state = IGBVF_LOST;
        e->settled = false;
        e->resume_us = e->now_us + e->pause_us;
        e->pause_us = e->pause_us ? e->pause_us * 2 : PAUSE_MIN_US;
        if (e->pause_us > PAUSE_MAX_US)
            e->pause_us = PAUSE_MAX_US;
    }
    return igbvf_tells_lost(e, why);
}

unsigned igbvf_pause_ms(const struct igbvf *e)
{
    return e->resume_us > e->now_us ? (unsigned)((e->resume_us - e->now_us) / US_PER_MS) : 0;
}

/* The chip's reset switched the queues off and cleared the counters. */
static void igbvf_pf_resets(struct igbvf *e)
{
    e->dma = false;
    memset(e->last, 0, sizeof e->last);
    if (igbvf_lost(e, NEWS_PF_RESET))
        log_warning("%s: the PF is being reset, or is not up: link down until it is", e->name);
}

/* Mailbox ----------------------------------------------------------------- */

/* The only reader of the register: what reading clears is kept in e->events. */
static uint32_t igbvf_mailbox(struct igbvf *e)
{
    uint32_t value = igbvf_read(e, MBX_V2P);
    if (value != UINT32_MAX)
        e->events |= value & MBX_V2P_CLEARED;
    return value;
}

/* A function reset switches decoding off as well (PCIe 6.6.2); of a VF whose PF we have, the
 * PF's capability decides on that. */
static void igbvf_revive(struct igbvf *e)
{
    uint16_t command = pci_read16(e->pci, PCI_COMMAND);
    if (e->now_us < e->revive_us || e->pci->pf || command == UINT16_MAX ||
        command & PCI_COMMAND_MEMORY)
        return;
    e->revive_us = e->now_us + REVIVE_US;
    if (!pci_enable(e->pci) && igbvf_tells(e, NEWS_REVIVED))
        log_warning("%s: it was reset behind our back: its registers are decoded again", e->name);
}

/* What the mailbox register tells: false when there is nothing to do this time. */
static bool igbvf_look(struct igbvf *e)
{
    uint32_t mailbox = igbvf_mailbox(e);
    if (mailbox == UINT32_MAX) { /* some of its bits are always 0 */
        e->dma = false;
        if (igbvf_lost(e, NEWS_GONE))
            log_error("%s: registers read ffffffff: the function does not answer any more",
                      e->name);
        igbvf_revive(e);
        return false;
    }
    if (mailbox & MBX_V2P_RSTI) {
        e->events = 0;
        igbvf_pf_resets(e);
        return false;
    }
    /* Done before we greeted: it is the reset that we waited for.  Later: another one. */
    if (e->events & MBX_V2P_RSTD && e->state >= IGBVF_GREETING) {
        igbvf_pf_resets(e);
        e->events = 0;
    }
    e->events &= ~MBX_V2P_RSTD;
    return true;
}

/* False: the PF has the buffer. */
static bool mail_take_buffer(struct igbvf *e)
{
    igbvf_write(e, MBX_V2P, MBX_V2P_VFU);
    uint32_t value = igbvf_mailbox(e);
    return value != UINT32_MAX && !(value & MBX_V2P_RSTI) && value & MBX_V2P_VFU;
}

static bool mail_read(struct igbvf *e, uint32_t words[REPLY_WORDS])
{
    if (!(e->events & MBX_V2P_PFSTS) || !mail_take_buffer(e))
        return false;
    for (unsigned i = 0; i < REPLY_WORDS; i++)
        words[i] = igbvf_read(e, MBX_VF_MEMORY(i));
    e->events &= ~MBX_V2P_PFSTS;
    igbvf_write(e, MBX_V2P, MBX_V2P_ACK); /* and the buffer is free */
    return true;
}

static void mail_queue(struct igbvf *e)
{
    e->mail.asks = 0;
    e->mail.sent = false;
    e->mail.deadline_us = e->now_us + ANSWER_US;
}

/* Writes the message when the buffer is to be had.  One from the PF that lies there is read
 * first: the next turn finds it in e->events. */
static void mail_send(struct igbvf *e)
{
    if (!mail_take_buffer(e) || e->events & MBX_V2P_PFSTS)
        return;
    e->events &= MBX_V2P_RSTD;
    for (unsigned i = 0; i < e->mail.count; i++)
        igbvf_write(e, MBX_VF_MEMORY(i), e->mail.words[i]);
    igbvf_write(e, MBX_V2P, MBX_V2P_REQ);
    e->mail.sent = true;
    e->mail.deadline_us = e->now_us + ANSWER_US;
}

/* A message can be lost: the PF's own may have fallen on it in the buffer.  The same one
 * again does no harm; something else would find the old one's answer. */
static void mail_expire(struct igbvf *e)
{
    if (e->now_us < e->mail.deadline_us)
        return;
    e->timeouts++;
    if (++e->mail.asks < ASKS) {
        e->mail.sent = false;
        e->mail.deadline_us = e->now_us + ANSWER_US;
        return;
    }
    if (igbvf_lost(e, NEWS_PF_SILENT))
        log_warning("%s: the PF does not answer (mailbox time-out: message %04" PRIx32
                    ", %u times, %u ms each); trying again in %u ms",
                    e->name, e->mail.words[0] & MBX_TYPE, ASKS, (unsigned)(ANSWER_US / US_PER_MS),
                    igbvf_pause_ms(e));
}

/* Statistics -------------------------------------------------------------- */

#define X(name, offset) offset,
static const uint16_t counter_offsets[] = { IGBVF_COUNTERS(X) };
#undef X
#define X(name, offset) #name,
static const char *const counter_names[] = { IGBVF_COUNTERS(X) };
#undef X

/* The registers wrap; a step of more than half the range is no wrap but a chip that began
 * anew without our seeing it. */
static void igbvf_collect(struct igbvf *e)
{
    e->collect_us = e->now_us + COLLECT_US;
    if (e->state != IGBVF_OPEN || !igbvf_look(e))
        return;
    for (unsigned i = 0; i < IGBVF_COUNTER_COUNT; i++) {
        uint32_t now = igbvf_read(e, counter_offsets[i]), step = now - e->last[i];
        e->counters[i] += step > INT32_MAX ? now : step;
        e->last[i] = now;
    }
    if (e->rx.live)
        e->missed +=
            FIELD_GET(IGB_Q_DROPPED_COUNT, igbvf_read(e, IGBVF_RX_BLOCK(0) + IGB_Q_DROPPED));
}

/* Queues ------------------------------------------------------------------ */

/* With our rings there and the PF's leave.  Buffers are used from their first byte whatever
 * the MTU: how long a frame gets through is the PF's to say, and not to be trusted. */
static void queues_on(struct igbvf *e)
{
    pci_bus_master(e->pci, true);
    e->dma = true;
    int err = igb_rxq_enable(&e->rx, e->name, true, true);
    if (!err)
        err = igb_txq_enable(&e->tx, e->name);
    if (err && igbvf_lost(e, NEWS_QUEUES))
        log_warning("%s: its queues do not start; trying again in %u ms", e->name,
                    igbvf_pause_ms(e));
}

/* No DMA afterwards.  Where the queues do not obey the function's reset has to do. */
static void queues_off(struct igbvf *e)
{
    e->rx.live = e->tx.live = false;
    uint32_t mailbox = igbvf_mailbox(e);
    bool there = mailbox != UINT32_MAX && !(mailbox & MBX_V2P_RSTI);
    if (e->dma && there) {
        int err = igb_rxq_disable(&e->rx, e->name);
        err = igb_txq_disable(&e->tx, e->name) || err;
        if (err) {
            igbvf_reset(e);
            time_delay_us(DRAIN_US);
        }
    }
    e->dma = false;
    pci_bus_master(e->pci, false);
}

/* Messages ---------------------------------------------------------------- */

/* ACK and the address of this VF, or NACK: it has none. */
static void greeting_answered(struct igbvf *e, const uint32_t *words)
{
    uint8_t mac[MAC_LEN];
    memcpy(mac, &words[1], MAC_LEN);
    e->state = IGBVF_OPEN;
    igbvf_settings_begin(e, words[0] & MBX_ACK ? mac : NULL);
}

static void cts_gone(struct igbvf *e)
{
    if (igbvf_lost(e, NEWS_NO_CTS))
        log_warning("%s: no clear-to-send from the PF: its driver began anew, or its administrator "
                    "changed something for this VF; resetting in %u ms",
                    e->name, igbvf_pause_ms(e));
}

/* The PF says, unasked, that something changed: link, policy.  What it refused may be granted
 * now.  While we are not open it is old news: the reset that it asks for is under way. */
static void control_received(struct igbvf *e, uint32_t word)
{
    if (e->state != IGBVF_OPEN)
        return;
    e->link_news = true;
    if (word & MBX_CTS)
        igbvf_settings_retry(e);
    else
        cts_gone(e);
}

static bool answers_ours(const struct igbvf *e, uint32_t word)
{
    return e->mail.count && e->mail.sent && (word & MBX_TYPE) == (e->mail.words[0] & MBX_TYPE);
}

/* Everything in it is the PF's word, and was copied once.  An answer counts when we asked,
 * and once. */
static void message_received(struct igbvf *e, const uint32_t *words)
{
    uint32_t word = words[0];
    bool ack = word & MBX_ACK, nack = word & MBX_NACK;
    if (!ack && !nack && (word & MBX_TYPE) == MBX_PF_CONTROL) {
        control_received(e, word);
    } else if (ack != nack && answers_ours(e, word)) {
        if (e->state == IGBVF_OPEN && nack && !(word & MBX_CTS)) {
            cts_gone(e);
            return;
        }
        e->mail.count = 0;
        if (e->state == IGBVF_GREETING)
            greeting_answered(e, words);
        else
            igbvf_settings_answered(e, ack);
    } else if (e->state == IGBVF_OPEN && nack && !ack && !(word & (MBX_CTS | MBX_TYPE))) {
        cts_gone(e); /* Linux's igb to a VF that it does not listen to */
    } else {
        e->nonsense++;
        if (igbvf_tells(e, NEWS_NONSENSE))
            log_info("%s: message %08" PRIx32 " from the PF answers nothing that was asked",
                     e->name, word);
    }
}

/* The state machine ------------------------------------------------------- */

/* Nobody is left to be waited for when every setting was asked since the last change. */
static void igbvf_settle(struct igbvf *e)
{
    char text[MAC_TEXT];
    e->port.pending = false;
    if (e->started && !e->rx.live) {
        queues_on(e);
        if (!e->rx.live)
            return;
    }
    if (e->settled)
        return;
    e->settled = true;
    e->told = 0;
    e->settled_us = e->now_us;
    e->check_us = e->now_us + CHECK_US;
    mac_format(e->mac_granted, text);
    if (e->lost_us && igbvf_tells(e, NEWS_BACK))
        log_info("%s: the PF is back after %" PRIu64 " ms: MAC %s, MTU %u", e->name,
                 (uint64_t)((e->now_us - e->lost_us) / US_PER_MS), text, e->port.mtu);
    else if (!e->lost_us && igbvf_tells(e, NEWS_ANSWERS))
        log_info("%s: the PF answers: MAC %s, MTU %u", e->name, text, e->port.mtu);
}

/* Somebody reset the function behind our back: its queues are off. */
static void igbvf_check_queues(struct igbvf *e)
{
    if (!e->rx.live || igbvf_read(e, IGBVF_RX_BLOCK(0) + IGB_Q_CTL) & IGB_Q_CTL_ENABLE)
        return;
    if (igbvf_lost(e, NEWS_FUNCTION_RESET))
        log_warning("%s: its queues were switched off: a function reset, or the PF's doing; "
                    "resetting in %u ms",
                    e->name, igbvf_pause_ms(e));
}

static void igbvf_greet(struct igbvf *e)
{
    e->state = IGBVF_GREETING;
    e->events = 0; /* an old message answers nothing */
    e->mail.words[0] = MBX_VF_RESET;
    e->mail.count = 1;
    mail_queue(e);
}

static void igbvf_mail(struct igbvf *e)
{
    uint32_t words[REPLY_WORDS];
    if (mail_read(e, words))
        message_received(e, words);
    if (e->mail.count)
        mail_expire(e);
    if (e->state == IGBVF_OPEN && !e->mail.count && igbvf_settings_next(e))
        mail_queue(e);
    else if (e->state == IGBVF_OPEN && !e->mail.count)
        igbvf_settle(e);
    if (e->mail.count && !e->mail.sent)
        mail_send(e);
}

static void igbvf_step(struct igbvf *e)
{
    if (e->state < IGBVF_GREETING) {
        /* The PF speaks, so it is there; but it may be one that never stops. */
        if (e->events & MBX_V2P_PFSTS && e->resume_us > e->now_us + PAUSE_MIN_US)
            e->resume_us = e->now_us + PAUSE_MIN_US;
        if (e->now_us < e->resume_us)
            return;
        if (e->state == IGBVF_LOST) {
            igbvf_reset(e);
            return;
        }
        intel_rings_drop(&e->port, 1); /* what the reset let go of */
        igbvf_greet(e);
    }
    igbvf_mail(e);
    igbvf_check_queues(e);
    if (e->now_us >= e->collect_us)
        igbvf_collect(e);
    if (e->settled && e->now_us >= e->check_us) {
        e->check_us = e->now_us + CHECK_US;
        igbvf_settings_check(e);
    }
}

static bool igbvf_up(const struct igbvf *e)
{
    return e->state == IGBVF_OPEN && e->settled && e->rx.live;
}

static bool igbvf_poll(struct port *port, uint64_t now_us)
{
    struct igbvf *e = port->priv;
    bool up = igbvf_up(e);
    e->now_us = now_us;
    e->link_news = false;
    if (igbvf_look(e))
        igbvf_step(e);
    return e->link_news || up != igbvf_up(e);
}

/* Link -------------------------------------------------------------------- */

/* The wire's, as the chip shows it to every VF; what the PF wants of it comes by mailbox. */
static void igbvf_link(struct port *port, struct port_link *link)
{
    struct igbvf *e = port->priv;
    uint32_t status = igbvf_up(e) ? igbvf_read(e, IGBVF_STATUS) : 0;
    if (status == UINT32_MAX) /* gone */
        status = 0;
    *link = intel_link(status & IGBVF_STATUS_LU, status & IGBVF_STATUS_FD,
                       FIELD_GET(IGBVF_STATUS_SPEED, status));
}

/* Start and stop ---------------------------------------------------------- */

/* Never fails for the PF's sake: without it the port runs, its link down.  The queues wait
 * for a word of the PF's: its pool may have been switched off meanwhile. */
static int igbvf_start(struct port *port)
{
    struct igbvf *e = port->priv;
    int err = intel_rings_create(port, 1);
    if (err)
        return err;
    e->started = true;
    port->pending = true;
    igbvf_settings_check(e);
    return 0;
}

/* First no DMA lands any more, then memory is freed. */
static void igbvf_stop(struct port *port)
{
    struct igbvf *e = port->priv;
    e->now_us = time_us();
    igbvf_collect(e);
    e->started = false;
    queues_off(e);
    intel_rings_destroy(port, 1);
}

/* The chip's own errors are the PF's to count. */
static void igbvf_stats(struct port *port, struct port_device_stats *stats)
{
    struct igbvf *e = port->priv;
    e->now_us = time_us();
    igbvf_collect(e);
    *stats = (struct port_device_stats){ .rx_missed = e->missed };
}

static unsigned igbvf_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    struct igbvf *e = port->priv;
    const struct port_counter ours[] = { { "echoes", load_relaxed(&e->echo.dropped) },
                                         { "resets", e->generation },
                                         { "mailbox timeouts", e->timeouts },
                                         { "mailbox refusals", e->refusals },
                                         { "mailbox nonsense", e->nonsense } };
    unsigned count = 0;
    e->now_us = time_us();
    igbvf_collect(e);
    for (unsigned i = 0; i < IGBVF_COUNTER_COUNT && count < n; i++)
        rows[count++] = (struct port_counter){ counter_names[i], e->counters[i] };
    for (unsigned i = 0; i < ARRAY_SIZE(ours) && count < n; i++)
        rows[count++] = ours[i];
    return count;
}

/* Tags are taken off by the PF's doing, for a VF that joined a VLAN; asked or not. */
static int igbvf_set_offloads(struct port *port, uint32_t offloads)
{
    struct igbvf *e = port->priv;
    intel_rx_set_tags(&e->rx.q, true, offloads & PORT_OFFLOAD_VLAN_STRIP);
    store_relaxed(&e->tx.q.insert, offloads & PORT_OFFLOAD_VLAN_INSERT);
    return 0;
}

static const struct port_ops igbvf_ops = { .start = igbvf_start,
                                           .stop = igbvf_stop,
                                           .link = igbvf_link,
                                           .stats = igbvf_stats,
                                           .set_mac = igbvf_set_mac,
                                           .set_rx_mode = igbvf_set_rx_mode,
                                           .set_mtu = igbvf_set_mtu,
                                           .set_offloads = igbvf_set_offloads,
                                           .vlan_filter = igbvf_vlan_filter,
                                           .counters = igbvf_counters,
                                           .poll = igbvf_poll };

/* The chip's: 82576 DS 8.10, 8.12; frames: 9.5 KiB, 1.3. */
static const struct port_limits igbvf_limits = INTEL_PORT_LIMITS(1);

/* The tag of what came through the switch has its bytes swapped (as Intel's drivers know). */
#define QUIRK_SWAPS_TAGS 1u

/* Probe ------------------------------------------------------------------- */

static struct igbvf *igbvf_create(struct pci_function *f, uint32_t quirks)
{
    struct igbvf *e = port_alloc("igbvf", sizeof *e);
    if (!e)
        return NULL;
    e->pci = f;
    memcpy(e->name, "igbvf ", 6);
    pci_bdf_format(f->bdf, e->name + 6);
    e->mtu_wanted = MTU_DEFAULT;
    e->port = (struct port){ .rx_queues = 1,
                             .tx_queues = 1,
                             .ops = &igbvf_ops,
                             .driver = "igbvf",
                             .limits = igbvf_limits,
                             .dma = &f->dma,
                             .pci = f,
                             .pending = true,
                             .priv = e };
    igb_rxq_init(&e->rx, &e->port, 0);
    igb_txq_init(&e->tx, &e->port, 0);
    igbvf_set_offloads(&e->port, 0);
    e->rx.joined = e->vlans_seen;
    e->rx.swaps = quirks & QUIRK_SWAPS_TAGS;
    e->rx.echo = e->tx.echo = quirks & IGB_QUIRK_ECHOES ? &e->echo : NULL;
    return e;
}

/* NULL, or what went wrong.  The PF is not waited for: the first poll resets the function,
 * whatever its last owner left, and nothing before that touches a queue. */
static const char *igbvf_set_up(struct igbvf *e)
{
    if (pci_enable(e->pci))
        return "its function does not answer";
    e->regs = pci_map_bar(e->pci, IGBVF_BAR, IGBVF_BAR_SIZE);
    if (!e->regs)
        return "no registers";
    e->rx.block = e->regs + IGBVF_RX_BLOCK(0);
    e->tx.block = e->regs + IGBVF_TX_BLOCK(0);
    return NULL;
}

static int igbvf_probe(struct pci_function *f, const struct pci_id *id)
{
    struct igbvf *e = igbvf_create(f, id->quirks);
    return e ? port_register_probed(&e->port, igbvf_set_up(e)) : -ENOMEM;
}

/* The next owner, or the PF's driver, finds the function at rest. */
static void igbvf_remove(struct pci_function *f)
{
    struct igbvf *e = f->driver_data;
    if (!e) /* there was no number for its port */
        return;
    port_stop(&e->port);
    port_unregister(&e->port);
    if (e->regs && !(igbvf_mailbox(e) & MBX_V2P_RSTI))
        igbvf_reset(e);
    f->driver_data = NULL;
    free(e);
}

/* 82576 DS and I350 DS, device IDs of virtual functions; the second of each is shown by
 * Hyper-V. */
static const struct pci_id igbvf_ids[] = {
    PCI_ID_SUBSYSTEM(0x8086, 0x10ca, IGB_SUBSYSTEM_QEMU, IGB_QUIRK_ECHOES),
    PCI_ID(0x8086, 0x10ca, 0), /* 82576 */
    PCI_ID(0x8086, 0x152d, 0),
    PCI_ID(0x8086, 0x1520, QUIRK_SWAPS_TAGS), /* I350 */
    PCI_ID(0x8086, 0x152f, QUIRK_SWAPS_TAGS),
    { 0 },
};

PCI_DRIVER(igbvf_driver) = {
    .name = "igbvf", .ids = igbvf_ids, .probe = igbvf_probe, .remove = igbvf_remove
};
