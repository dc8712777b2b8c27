/* trap.S - the entry of every vector, and jumps out of handlers. */
    .text
    .balign 16
    .globl trap_stubs
trap_stubs:
    vector = 0
    .rept 256
    .balign 16
    .if vector != 8 && vector != 10 && vector != 11 && vector != 12 && vector != 13 && vector != 14 && vector != 17 && vector != 21
    push $0
    .endif
    push $vector
    jmp trap_common
    vector = vector + 1
    .endr

#ifdef __x86_64__
trap_common:
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rax
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    mov %rsp, %rbp
    and $-16, %rsp
    call trap_dispatch
    mov %rbp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rax
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq

    .globl jump_here
jump_here:
    mov %rbx, (%rdi)
    mov %rbp, 8(%rdi)
    mov %r12, 16(%rdi)
    mov %r13, 24(%rdi)
    mov %r14, 32(%rdi)
    mov %r15, 40(%rdi)
    pushf
    pop 48(%rdi)
    pop %rdx
    mov %rdx, 56(%rdi)
    mov %rsp, 64(%rdi)
    xor %eax, %eax
    jmp *%rdx

    .globl jump
jump:
    mov (%rdi), %rbx
    mov 8(%rdi), %rbp
    mov 16(%rdi), %r12
    mov 24(%rdi), %r13
    mov 32(%rdi), %r14
    mov 40(%rdi), %r15
    mov 64(%rdi), %rsp
    push 48(%rdi)
    popf
    mov $1, %eax
    jmp *56(%rdi)
#else
trap_common:
    pusha
    cld
    push %esp
    call trap_dispatch
    add $4, %esp
    popa
    add $8, %esp
    iret

    .globl jump_here
jump_here:
    mov 4(%esp), %eax
    mov %ebx, (%eax)
    mov %ebp, 4(%eax)
    mov %esi, 8(%eax)
    mov %edi, 12(%eax)
    pushf
    pop 16(%eax)
    pop %edx
    mov %edx, 20(%eax)
    mov %esp, 24(%eax)
    xor %eax, %eax
    jmp *%edx

    .globl jump
jump:
    mov 4(%esp), %eax
    mov (%eax), %ebx
    mov 4(%eax), %ebp
    mov 8(%eax), %esi
    mov 12(%eax), %edi
    mov 24(%eax), %esp
    mov 20(%eax), %edx
    push 16(%eax)
    popf
    mov $1, %eax
    jmp *%edx
#endif
    .section .note.GNU-stack, "", @progbits
