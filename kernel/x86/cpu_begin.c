/* cpu_begin.c - the first steps of a CPU that CPU 0 has called.
 *
 * It is to be what CPU 0 is: control registers, PAT and MTRRs (SDM vol. 3A,
 * 253668-032, 11.11.8, read: all have the same).  unread in this file: other SDM volumes and
 * sections. */
#include "kernel/compiler.h"
#include "kernel/cpu.h"
#include "kernel/cpu_features.h"
#include "kernel/cpus.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/percpu.h"

#define CPUID_FEATURES_EDX_MTRR (1u << 12)
#define CPUID_FEATURES_EDX_PAT (1u << 16)
#define CR0_NO_CACHE 0x40000000ull /* CD */
#define CR4_OSXSAVE (1ull << 18)

#define MSR_MTRR_CAP 0xfeu
#define MSR_MTRR_CAP_VARIABLE 0xffull
#define MSR_MTRR_VARIABLE 0x200u /* base and mask of each */
#define MSR_PAT 0x277u
#define MSR_MTRR_DEFAULT 0x2ffu
#define MSR_MTRR_DEFAULT_ENABLE (1ull << 11)
#define VARIABLE_MAX 32u

static const uint32_t fixed_msrs[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
                                       0x26b, 0x26c, 0x26d, 0x26e, 0x26f };

#define MTRRS_MAX (ARRAY_SIZE(fixed_msrs) + 2 * VARIABLE_MAX)

static struct {
    uint64_t cr0, cr4, pat, mtrr_default;
    uint64_t mtrr[MTRRS_MAX];
    unsigned mtrrs; /* 0: the CPU has none */
    bool has_pat;
} ours;

extern uint64_t cpus_clock;
void cpu_begin(void) NORETURN;

static uint32_t mtrr_msr(unsigned i)
{
    const unsigned fixed = ARRAY_SIZE(fixed_msrs);
    return i < fixed ? fixed_msrs[i] : MSR_MTRR_VARIABLE + (i - fixed);
}

void cpu_settings_note(void)
{
    uint32_t features = cpuid(1, 0).edx;
    ours.cr0 = read_cr0();
    ours.cr4 = read_cr4() & ~CR4_OSXSAVE; /* it may have none */
    ours.has_pat = features & CPUID_FEATURES_EDX_PAT;
    ours.pat = ours.has_pat ? rdmsr(MSR_PAT) : 0;
    if (!(features & CPUID_FEATURES_EDX_MTRR))
        return;
    unsigned variable =
        (unsigned)min_u64(rdmsr(MSR_MTRR_CAP) & MSR_MTRR_CAP_VARIABLE, VARIABLE_MAX);
    ours.mtrrs = (unsigned)ARRAY_SIZE(fixed_msrs) + 2 * variable;
    ours.mtrr_default = rdmsr(MSR_MTRR_DEFAULT);
    for (unsigned i = 0; i < ours.mtrrs; i++)
        ours.mtrr[i] = rdmsr(mtrr_msr(i));
}

static bool mtrrs_differ(void)
{
    bool differ = ours.mtrrs && rdmsr(MSR_MTRR_DEFAULT) != ours.mtrr_default;
    for (unsigned i = 0; i < ours.mtrrs; i++)
        differ |= rdmsr(mtrr_msr(i)) != ours.mtrr[i];
    return differ;
}

/* 11.11.8, steps 4 to 12, on this CPU alone: nobody else's change. */
static void take_mtrrs(void)
{
    write_cr0(ours.cr0 | CR0_NO_CACHE);
    wbinvd();
    write_cr3(read_cr3());
    wrmsr(MSR_MTRR_DEFAULT, ours.mtrr_default & ~MSR_MTRR_DEFAULT_ENABLE);
    for (unsigned i = 0; i < ours.mtrrs; i++)
        wrmsr(mtrr_msr(i), ours.mtrr[i]);
    wrmsr(MSR_MTRR_DEFAULT, ours.mtrr_default);
    wbinvd();
    write_cr3(read_cr3());
    write_cr0(ours.cr0);
}

static void take_settings(void)
{
    write_cr0(ours.cr0);
    write_cr4(ours.cr4);
    if (mtrrs_differ())
        take_mtrrs();
    if (ours.has_pat && rdmsr(MSR_PAT) != ours.pat) {
        wrmsr(MSR_PAT, ours.pat);
        wbinvd();
        write_cr3(read_cr3());
    }
    cpu_features_join();
}

static struct cpu *find(uint32_t id)
{
    for (unsigned i = 1; i < CPUS_MAX; i++)
        if (cpus[i].state != CPU_ABSENT && cpus[i].apic_id == id)
            return &cpus[i];
    return NULL;
}

static bool come(struct cpu *cpu)
{
    uint32_t state = CPU_CALLED;
    uint64_t clock = load_relaxed(&cpus_clock);
    cpu->tsc = rdtsc();
    cpu->tsc_behind = clock > cpu->tsc ? clock - cpu->tsc : 0;
    return __atomic_compare_exchange_n(&cpu->state, &state, CPU_UP, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/* From cpu_entry.S, on a stack of its own.  Whom nobody called, or who comes when it is no longer
 * waited for, does no harm. */
void cpu_begin(void)
{
    apic_join();
    struct cpu *cpu = find(apic_id());
    if (!cpu)
        cpu_halt();
    exception_load(cpu);
    take_settings();
    if (!come(cpu))
        cpu_halt();
    for (;;) {
        cpu_rest(0);
        void (*run)(unsigned) = __atomic_exchange_n(&cpu->run, NULL, __ATOMIC_ACQ_REL);
        if (run)
            run(cpu->number);
    }
}
