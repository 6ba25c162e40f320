/* recorder.c - what passes through the mailboxes of the ixgbe model (recorder.h).
 *
 * It stands before the registers of PF and VFs and looks at what is written there. */
#include "tests/linux/recorder.h"

#include "tests/models/ixgbe_model_internal.h"

#include <stdio.h>

static FILE *file;

/* What one side has written into a buffer since its last message. */
struct side {
    uint32_t words[IXGBE_MODEL_MESSAGE];
    unsigned count;
};

static struct side pf_side[IXGBE_MODEL_VFS], vf_side[IXGBE_MODEL_VFS];
static unsigned resets_seen[IXGBE_MODEL_VFS];

static void put_word(struct side *s, uint32_t reg, uint32_t value)
{
    unsigned n = reg % 64 / 4;
    s->words[n] = value;
    s->count = n >= s->count ? n + 1 : s->count;
}

static void say_message(struct side *s, unsigned vf, const char *who)
{
    fprintf(file, "%u %s", vf, who);
    for (unsigned i = 0; i < s->count; i++)
        fprintf(file, " %08x", s->words[i]);
    fputc('\n', file);
    s->count = 0;
}

static void say(unsigned vf, const char *what)
{
    fprintf(file, "%u %s\n", vf, what);
}

/* By its driver, by its configuration space, or because its QEMU is gone. */
static void say_resets(const struct ixgbe_model *m)
{
    for (unsigned i = 0; i < IXGBE_MODEL_VFS; i++)
        for (; resets_seen[i] != m->vf[i].flrs; resets_seen[i]++) {
            say(i, "vf reset");
            vf_side[i].count = 0;
        }
}

static void pf_wrote(const struct ixgbe_model *m, uint32_t reg, uint32_t value)
{
    unsigned vf = reg < R_PFMBMEM(0) ? (reg - R_PFMAILBOX(0)) / 4 : (reg - R_PFMBMEM(0)) / 64;
    if (reg == R_CTRL_EXT && (value & CTRL_EXT_PFRSTD))
        fputs("- pf reset done\n", file);
    else if (reg >= R_PFMBMEM(0) && reg < R_PFMBMEM(64) && (m->vf[vf].mailbox & VFMB_PFU))
        put_word(&pf_side[vf], reg, value);
    if (reg < R_PFMAILBOX(0) || reg > R_PFMAILBOX(63))
        return;
    if (value & PFMB_ACK)
        say(vf, "pf ack");
    if (value & PFMB_STS)
        say_message(&pf_side[vf], vf, "pf");
    if (value & PFMB_RVFU)
        say(vf, "pf takes the buffer away");
}

static void vf_wrote(const struct ixgbe_model_vf *vf, uint32_t reg, uint32_t value)
{
    if (reg >= VF_MEMORY && reg < VF_MEMORY + 64)
        put_word(&vf_side[vf->index], reg, value);
    if (reg != VF_MAILBOX)
        return;
    if (value & VFMB_ACK)
        say(vf->index, "vf ack");
    if (value & VFMB_REQ)
        say_message(&vf_side[vf->index], vf->index, "vf");
}

/* Before the model does anything about it, so that answers come behind their questions. */
static void pf_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    const struct ixgbe_model *m = ctx;
    say_resets(m);
    if (!bar)
        pf_wrote(m, (uint32_t)offset, (uint32_t)value);
    ixgbe_model_pf_write(ctx, bar, offset, size, value);
}

static void vf_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    const struct ixgbe_model_vf *vf = ctx;
    say_resets(vf->model);
    if (!bar)
        vf_wrote(vf, (uint32_t)offset, (uint32_t)value);
    ixgbe_model_vf_bar_write(ctx, bar, offset, size, value);
}

void recorder_mark(const char *text)
{
    if (file)
        fprintf(file, "# %s\n", text);
}

bool recorder_open(struct ixgbe_model *m, const char *path)
{
    file = fopen(path, "w");
    if (!file)
        return false;
    setvbuf(file, NULL, _IOLBF, 0);
    m->device.bar_write = pf_write;
    for (unsigned i = 0; i < IXGBE_MODEL_VFS; i++) {
        m->vf[i].device.bar_write = vf_write;
        resets_seen[i] = m->vf[i].flrs;
    }
    return true;
}
