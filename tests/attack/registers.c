/* registers.c - the widest registers across halts that an interrupt ends, on a core of choice, and
 * its control words.  Linked into build/attack.elf only, never into the appliance. */
#include "apps/console/command.h"
#include "apps/forward/worker.h"
#include "kernel/compiler.h"
#include "kernel/cpu_features.h"
#include "kernel/random.h"
#include "kernel/task.h"
#include "kernel/x86/apic.h"

#include <string.h>

#define HALTS 50u
#define TICKS 50000u /* of its APIC's timer */
#define REGISTERS 16u

struct registers {
    uint64_t word[REGISTERS][4];
};

static struct {
    unsigned core, halts, changed;
    uint32_t mxcsr;
    uint16_t x87;
    bool done;
} run;

#define EACH(x) \
    x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15)
#define XMM_IN(n) "movdqu " #n "*32(%0), %%xmm" #n "\n"
#define XMM_OUT(n) "movdqu %%xmm" #n ", " #n "*32(%1)\n"
#define YMM_IN(n) "vmovdqu " #n "*32(%0), %%ymm" #n "\n"
#define YMM_OUT(n) "vmovdqu %%ymm" #n ", " #n "*32(%1)\n"
#define ALL \
    "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", \
        "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

/* In one piece: nothing of the compiler's comes between. */
static void halt_xmm(const struct registers *in, struct registers *out)
{
    __asm__ volatile(EACH(XMM_IN) "sti; hlt; cli\n" EACH(XMM_OUT) : : "r"(in), "r"(out) : ALL);
}

static __attribute__((target("avx2"))) void halt_ymm(const struct registers *in,
                                                     struct registers *out)
{
    __asm__ volatile(EACH(YMM_IN) "sti; hlt; cli\n" EACH(YMM_OUT) : : "r"(in), "r"(out) : ALL);
}

static void halt_once(void)
{
    struct registers in, out;
    for (unsigned i = 0; i < REGISTERS; i++)
        for (unsigned k = 0; k < 4; k++)
            in.word[i][k] = random_word();
    out = in;
    for (unsigned i = 0; i < REGISTERS; i++)
        memset(out.word[i], 0, cpu_has(CPU_AVX2) ? 32 : 16);
    apic_timer_prepare(false);
    apic_timer_start(TICKS);
    if (cpu_has(CPU_AVX2))
        halt_ymm(&in, &out);
    else
        halt_xmm(&in, &out);
    apic_end_interrupt();
    run.halts++;
    run.changed += memcmp(&in, &out, sizeof in) != 0;
}

static void halt_here(struct worker *worker)
{
    if (worker->number != run.core || load_relaxed(&run.done))
        return;
    for (unsigned i = 0; i < HALTS; i++)
        halt_once();
    apic_timer_start(0);
    __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(run.mxcsr), "=m"(run.x87));
    store_release(&run.done, true);
}

COMMAND(cmd_attack_registers, "attack registers NUMBER",
        "On a core: fill the widest registers, halt until the timer interrupts, look at them");
static int cmd_attack_registers(struct command_call *call)
{
    memset(&run, 0, sizeof run);
    run.core = (unsigned)call->arg[0].number;
    if (run.core >= worker_count())
        return command_error(call, "there is no core %u", run.core);
    workers_set_turn(halt_here);
    while (!load_acquire(&run.done))
        task_yield();
    workers_set_turn(NULL);
    out_printf(call->out, "%s: %u halts, %u changed; mxcsr %x, x87 %x\n",
               cpu_has(CPU_AVX2) ? "ymm" : "xmm", run.halts, run.changed, (unsigned)run.mxcsr,
               (unsigned)run.x87);
    return 0;
}
