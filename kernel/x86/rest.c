/* rest.c - how a CPU rests: halted, until it is woken, interrupted or its timer has run down
 * (cpus.h).
 *
 * The timer is the local APIC's, whose rate is the bus clock's: the same on all CPUs, measured on
 * CPU 0 against the TSC, beside its work.  With it its APIC is enabled, which one CPU alone does
 * not need before.  Not used: TSC deadlines, mwait. */
#include "kernel/compiler.h"
#include "kernel/cpu.h"
#include "kernel/cpus.h"
#include "kernel/time.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/percpu.h"

#define MEASURE_US 1000u
#define SAMPLE_US 20u /* between two looks at the TSC lies one at the timer: not more than that */

static struct {
    enum { TIMER_UNKNOWN, TIMER_MEASURED, TIMER_READY, TIMER_NONE } state;
    uint64_t start_tsc;
    uint64_t ticks_per_ms; /* for all CPUs; 0: not known yet */
} timer;

static enum { UNKNOWN, EMULATED, REAL } kind; /* of machine, for cpu_empty_tlb() */

void cpu_rest_reset(void)
{
    kind = UNKNOWN;
    timer.state = TIMER_UNKNOWN;
    timer.ticks_per_ms = 0;
    cpus[0].timer_ready = false;
}

/* The rate ---------------------------------------------------------------------- */

/* Masked while it is measured. */
static void begin(void)
{
    timer.state = cpus_begin_apic() ? TIMER_MEASURED : TIMER_NONE;
    if (timer.state == TIMER_NONE)
        return;
    exception_add_interrupts();
    apic_enable();
    apic_end_interrupt(); /* whatever firmware was in */
    apic_timer_prepare(true);
    apic_timer_start(UINT32_MAX);
    timer.start_tsc = rdtsc();
}

/* Where somebody takes the CPU away between the looks, another time. */
static void measure(void)
{
    uint64_t before = rdtsc();
    uint64_t us = (before - timer.start_tsc) / time_cycles_per_us();
    if (us < MEASURE_US)
        return;
    uint64_t ticks = UINT32_MAX - apic_timer_left();
    if ((rdtsc() - before) / time_cycles_per_us() > SAMPLE_US)
        return;
    timer.state = ticks && ticks < UINT32_MAX ? TIMER_READY : TIMER_NONE;
    if (timer.state == TIMER_READY)
        store_release(&timer.ticks_per_ms, max_u64(ticks * US_PER_MS / us, 1));
}

bool cpu_can_rest(void)
{
    if (timer.state == TIMER_UNKNOWN)
        begin();
    else if (timer.state == TIMER_MEASURED)
        measure();
    return timer.state == TIMER_READY;
}

/* Resting ----------------------------------------------------------------------- */

void cpu_pause(void)
{
    cpu_relax();
}

/* "TCGTCGTCGTCG" (seen; Linux knows KVM's and others' signatures by the same leaf). */
static bool is_emulated(void)
{
    struct cpuid hypervisor = cpuid(0x40000000, 0);
    return cpuid(1, 0).ecx >> 31 && hypervisor.ebx == 0x54474354 && hypervisor.ecx == 0x43544743 &&
           hypervisor.edx == 0x47435447;
}

void cpu_empty_tlb(void)
{
    if (load_relaxed(&kind) == UNKNOWN)
        store_relaxed(&kind, is_emulated() ? EMULATED : REAL);
    if (load_relaxed(&kind) == EMULATED)
        write_cr3(read_cr3());
}

static void start_timer(struct cpu *cpu, uint64_t us, uint64_t ticks_per_ms)
{
    if (!cpu->timer_ready)
        apic_timer_prepare(false);
    cpu->timer_ready = true;
    apic_timer_start((uint32_t)min_u64(max_u64(us * ticks_per_ms / US_PER_MS, 1), UINT32_MAX));
}

/* Interrupts are on in the halt only: what comes between the last look and the halt ends it at
 * once.  Of what was written before it was woken, all is seen afterwards. */
void cpu_rest(uint64_t us)
{
    struct cpu *cpu = this_cpu();
    uint64_t rate = us ? load_acquire(&timer.ticks_per_ms) : 0;
    if (us && !rate) {
        cpu_relax();
        return;
    }
    __atomic_store_n(&cpu->resting, true, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&cpu->woken, __ATOMIC_SEQ_CST)) {
        if (us)
            start_timer(cpu, us, rate);
        cpu_halt_once();
        apic_end_interrupt();
        if (us)
            apic_timer_start(0);
    }
    __atomic_store_n(&cpu->resting, false, __ATOMIC_SEQ_CST);
    (void)__atomic_exchange_n(&cpu->woken, false, __ATOMIC_SEQ_CST);
}
