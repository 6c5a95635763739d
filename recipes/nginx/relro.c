/*
 * Write-protects what was relocated when the program started (PT_GNU_RELRO), before main is called: a loader does that,
 * but musl's start-up code of a static program does not. In nginx these are 330 kB of tables, most of them OpenSSL's, whose
 * addresses of functions one wrong write could change.
 */
#include <elf.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

/* The linker's: where the program begins. */
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

__attribute__((constructor)) static void protect(void) {
    uintptr_t base = (uintptr_t)&__ehdr_start;
    const Elf64_Phdr *header = (const Elf64_Phdr *)(base + __ehdr_start.e_phoff);
    uintptr_t page = getauxval(AT_PAGESZ);
    for (int left = __ehdr_start.e_phnum; left > 0; left--, header++) {
        if (header->p_type != PT_GNU_RELRO) continue;
        /* What begins on the first page is protected too, as nothing else is there; the last page, when it is shared, is not. */
        uintptr_t start = (base + header->p_vaddr) & -page;
        uintptr_t end = (base + header->p_vaddr + header->p_memsz) & -page;
        if (end > start && mprotect((void *)start, end - start, PROT_READ) != 0) _exit(127);
    }
}
