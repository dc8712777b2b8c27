; multiboot.asm - option ROM that starts the multiboot kernel of -kernel. [MULTIBOOT] "Machine state".
;
; The host has made the kernel's memory image and the information structure; only the memory map is
; ours to ask the BIOS for. It goes to 9000h, below everything a kernel may be loaded to.

%include "rom.inc"
        ROM_HEADER "multiboot loader", 2

MULTIBOOT_MAGIC equ 0x2badb002
INFO_FLAGS      equ 0
INFO_MMAP_LENGTH equ 44
INFO_MMAP_ADDR  equ 48
INFO_HAS_MMAP   equ 1 << 6

MAP             equ 0x9000
MAP_END         equ 0xf000
SMAP            equ 0x534d4150

boot:
        cld
        xor     ax, ax
        mov     ss, ax
        mov     esp, 0x7c00
        LOAD_ITEM KERNEL_ADDR, KERNEL_SIZE, KERNEL_DATA
        LOAD_ITEM INITRD_ADDR, INITRD_SIZE, INITRD_DATA

; [ACPI] "INT 15H, E820H - Query System Address Map": 20 bytes each, after their size.
        xor     ax, ax
        mov     es, ax
        mov     di, MAP
        xor     ebx, ebx
.next_range:
        mov     dword [es:di], 20
        add     di, 4
        mov     eax, 0xe820
        mov     edx, SMAP
        mov     ecx, 20
        int     0x15
        jc      .map_failed
        add     di, 20
        test    ebx, ebx
        jz      .map_done
        cmp     di, MAP_END
        jb      .next_range
        jmp     .map_done
.map_failed:
        sub     di, 4
.map_done:
        cli
        movzx   edi, di
        sub     edi, MAP
        push    edi
        mov     eax, INITRD_ADDR
        call    read_item
        push    eax
        mov     eax, KERNEL_ENTRY
        call    read_item
        mov     ebp, eax
        pop     ebx
        pop     edi

        xor     esi, esi        ; our own linear address
        mov     si, cs
        shl     esi, 4
        lea     eax, [esi + gdt]
        push    eax
        push    word gdt_end - gdt - 1
        mov     ecx, esp
        o32 lgdt [ss:ecx]
        add     esi, protected
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        push    dword 0x08
        push    esi
        o32 retf

        ROM_ROUTINES

        bits    32
protected:
        mov     ax, 0x10
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax
        mov     [ebx + INFO_MMAP_LENGTH], edi
        mov     dword [ebx + INFO_MMAP_ADDR], MAP
        or      dword [ebx + INFO_FLAGS], INFO_HAS_MMAP
        mov     eax, MULTIBOOT_MAGIC
        jmp     ebp

        align   8, db 0
gdt:
        dq      0
        dq      0x00cf9a000000ffff      ; flat code
        dq      0x00cf92000000ffff      ; flat data
gdt_end:
