/* cpu_entry.S - where the other CPUs begin.
 *
 * A start-up IPI leads to the first byte of a page below 1 MiB, in real mode (SDM vol. 3A, 253668-032,
 * 8.4.4, read).  cpus.c copies the trampoline there; it reaches its own bytes through %cs.  On the
 * early tables of boot/entry.S, where all is executable, it gets into long mode; the page is
 * never executable in the kernel's own. */
    .section .rodata.cpu_trampoline, "a"
    .code16
    .globl cpu_trampoline, cpu_trampoline_end
cpu_trampoline:
    cli
    cld
    lgdtl %cs:trampoline_gdt - cpu_trampoline
    mov %cr0, %eax
    or $1, %al                  /* PE */
    mov %eax, %cr0
    ljmpl $24, $start_cpu
    .balign 4
trampoline_gdt:
    .short early_gdt_limit
    .long early_gdt
cpu_trampoline_end:

/* From boot/entry.S, no stack yet: they lie in what only the kernel's tables map. */
    .text
    .code64
    .globl start_cpu64
start_cpu64:
    mov cpu_root, %rax
    mov %rax, %cr3
    mov $1, %eax
    lock xadd %eax, cpus_came
    cmp cpu_stacks, %eax
    jae 1f
    mov cpu_stack_top(,%rax,8), %rsp
    xor %ebp, %ebp              /* backtraces end here */
    call cpu_begin
1:  cli
    hlt
    jmp 1b

    .section .note.GNU-stack, "", @progbits
