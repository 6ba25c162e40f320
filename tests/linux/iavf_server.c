/* iavf_server.c - the model of a VF of Intel's since the 40 Gb/s chips, with a played PF behind it,
 * as a program (serve.h).
 *
 *   iavf_server [-c i40e|ice] [-w WIRE] [-m LAST_BYTE_OF_MAC] [-q QUEUES] [-r FILE] vf SOCKET
 *   -r FILE: what VF and PF say is written there
 *
 * What the VF says is served at once while it polls, and else when it hears interrupts again: a PF
 * takes its time.  DPDK's iavf loses an answer that comes while it handles the one before.
 *
 * The PF trusts the VF.  Further words: `impend` (the PF says that it will reset the VF), `reset`
 * (it does, and says so before), `seen OP` (how often the VF has said it), `mark TEXT` (in the
 * recording). */
#include "kernel/time.h"
#include "tests/linux/serve.h"
#include "tests/linux/virtchnl_recorder.h"
#include "tests/models/iavf_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES 32u
#define INTERRUPT_ON 1u
#define PATIENCE_US 300000u /* for who polls again */

static struct iavf_model model;

/* Said, not served yet. */
static struct {
    uint32_t op, n;
    uint8_t bytes[VIRTCHNL_MESSAGE_MAX];
    uint64_t at_us;
} said[MESSAGES];
static unsigned first_said, count_said;
static bool interrupts; /* it has heard some since its last reset */

/* What was said before a reset is not answered after it. */
static void notice_reset(void)
{
    static unsigned resets;
    if (resets != model.resets) {
        interrupts = false;
        count_said = 0;
    }
    resets = model.resets;
    interrupts |= model.dyn_ctl[0] & INTERRUPT_ON;
}

static void hear(struct iavf_model *m, uint32_t op, const uint8_t *bytes, uint32_t n)
{
    notice_reset();
    if (count_said == MESSAGES)
        return;
    unsigned i = (first_said + count_said) % MESSAGES;
    said[i].op = op;
    said[i].n = n;
    said[i].at_us = time_us();
    memcpy(said[i].bytes, bytes, n);
    count_said++;
}

static bool may_serve(void)
{
    notice_reset();
    return count_said && (!interrupts || (model.dyn_ctl[0] & INTERRUPT_ON) ||
                          time_us() >= said[first_said].at_us + PATIENCE_US);
}

static void serve_messages(void)
{
    while (may_serve()) {
        unsigned i = first_said;
        first_said = (first_said + 1) % MESSAGES;
        count_said--;
        iavf_played_behind.message(&model, said[i].op, said[i].bytes, said[i].n);
    }
}

/* Only full rings are waited for: a VF that is off hears nothing. */
static bool inject(const uint8_t *frame, uint32_t length)
{
    return iavf_model_inject(&model, frame, length) || !model.rx[0].on;
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    serve_messages();
    return iavf_model_take(&model, frame, size);
}

static void set_link(bool up)
{
    iavf_model_set_link(&model, up);
}

static unsigned violations(void)
{
    return iavf_model_violations(&model);
}

static bool obey(const char *line)
{
    static bool impending; /* it was said */
    if (!strncmp(line, "impend", 6)) {
        iavf_model_impend(&model);
        impending = true;
        puts("impend");
    } else if (!strncmp(line, "reset", 5)) {
        if (!impending)
            iavf_model_impend(&model);
        impending = false;
        iavf_model_pf_resets_vf(&model);
        puts("reset");
    } else if (!strncmp(line, "mark ", 5)) {
        virtchnl_recorder_mark(line + 5);
        puts("mark");
    } else if (!strncmp(line, "seen ", 5)) {
        printf("seen %u\n", model.pf.seen[atoi(line + 5) % VIRTCHNL_OPS]);
    } else {
        return false;
    }
    return true;
}

static int usage(void)
{
    fprintf(stderr, "usage: iavf_server [-c i40e|ice] [-w WIRE] [-m BYTE] [-q QUEUES] "
                    "[-r FILE] vf SOCKET\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct served_model served = { .device = &model.device,
                                   .inject = inject,
                                   .take = take,
                                   .set_link = set_link,
                                   .violations = violations,
                                   .obey = obey };
    enum iavf_model_kind kind = IAVF_BEHIND_I40E;
    const char *cable = NULL, *record = NULL;
    int c, mac = 1, queues = 2;
    while ((c = getopt(argc, argv, "c:w:m:q:r:")) != -1) {
        if (c == 'c')
            kind = !strcmp(optarg, "ice") ? IAVF_BEHIND_ICE : IAVF_BEHIND_I40E;
        else if (c == 'w')
            cable = optarg;
        else if (c == 'm')
            mac = atoi(optarg);
        else if (c == 'q')
            queues = atoi(optarg);
        else if (c == 'r')
            record = optarg;
        else
            return usage();
    }
    if (argc - optind != 2)
        return usage();
    struct iavf_behind behind = iavf_played_behind;
    behind.message = hear;
    iavf_model_power_on(&model, kind == IAVF_BEHIND_ICE ? 0x1889 : 0x154c, &behind, NULL);
    iavf_model_play(&model, kind);
    model.pf.mac[5] = (uint8_t)mac;
    model.pf.queues = (uint16_t)queues;
    model.pf.trusted = model.patient = true;
    if (record && !virtchnl_recorder_open(record)) {
        perror(record);
        return 1;
    }
    virtchnl_recorder_hear(&model);
    return serve(&served, argv[optind + 1], cable);
}
