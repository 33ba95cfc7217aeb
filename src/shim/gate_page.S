/* SPDX-License-Identifier: MIT */
/*
 * gate_page.S - the one page of code whose system calls the guard's filter does not ask about: long
 * gate(long number, long a, long b, long c, long d, long e, long f). It is moved to the address that the
 * session's filter knows (gate.c), so it must not depend on where it lies: behind all else of its
 * segment, which then stays one piece.
 */
	.section .gate, "ax", %progbits
	.balign 4096
	.globl gate_page
	.hidden gate_page
	.type gate_page, %function
gate_page:
	.cfi_startproc
#if defined __x86_64__
	.byte 0xf3, 0x0f, 0x1e, 0xfa /* endbr64 */
	mov %rdi, %rax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	mov %r8, %r10
	mov %r9, %r8
	mov 8(%rsp), %r9
	syscall
	ret
#elif defined __aarch64__
	hint #34 /* bti c */
	mov x8, x0
	mov x0, x1
	mov x1, x2
	mov x2, x3
	mov x3, x4
	mov x4, x5
	mov x5, x6
	svc #0
	ret
#endif
	.cfi_endproc
	.size gate_page, . - gate_page
	.balign 4096
	.section .note.GNU-stack, "", %progbits
