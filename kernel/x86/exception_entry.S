/* exception_entry.S - one stub per vector: push what is missing, save all
 * registers, call exception_handle(struct exception_frame *), which never
 * returns.  The frame's shape is in exception.c. */
    .text
    .globl exception_stubs
    .balign 16
exception_stubs:                /* 16 bytes each */
    .set vector, 0
    .rept 32
    .balign 16
    /* Vectors with an error code of their own (unread: SDM vol. 3, table 6-1). */
    .if !((1 << vector) & 0x60227d00)
    push $0
    .endif
    push $vector
    jmp exception_common
    .set vector, vector + 1
    .endr

exception_common:
    push %r15
    push %r14
    push %r13
    push %r12
    push %r11
    push %r10
    push %r9
    push %r8
    push %rbp
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rbx
    push %rax
    cld
    mov %rsp, %rdi
    and $~15, %rsp
    call exception_handle
    ud2

/* What other CPUs are woken by: nothing but the end of a halt (cpu_begin.c), with all registers as
 * they were. */
    .globl interrupt_stub
interrupt_stub:
    iretq

/* void task_switch(uint64_t *save_sp, uint64_t load_sp): the callee-saved
 * registers of the System V ABI (unread: 3.2.1) and the stack pointer.  Vector
 * registers are the caller's, control words all tasks' (kernel/cpu_features.h). */
    .globl task_switch
task_switch:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .section .note.GNU-stack, "", @progbits
