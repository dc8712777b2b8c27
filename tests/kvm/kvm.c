/* kvm.c - runs a bare-metal guest of tests/guests on the host's own processor, through Linux's KVM:
 * the judge of system semantics.
 *
 *     kvm IMAGE.bin [-smp N]
 *
 * The machine is what the guests need and KVM has itself, and no more: RAM, the image as ROM below
 * 4 GiB, local and I/O APIC, PICs, PIT, the debug port E9h (to the standard output),
 * isa-debug-exit at F4h, and fw_cfg's number of CPUs. It has no clock chip, no A20 gate, no SMM,
 * and no wire from FERR# to IRQ 13. A port or an address where nothing is reads as ones.
 *
 * The status is isa-debug-exit's, (value << 1) | 1; SKIPPED where the host has no KVM that starts a
 * machine; else one of `Failure`, with a line that tells what happened. Other options are for
 * emulators and are passed over.
 *
 * [KVM] "The Definitive KVM (Kernel-based Virtual Machine) API Documentation"; [SDM3] "First
 * Instruction Executed". */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_CPUS = 8, MAX_CPUID = 256, RAM_SIZE = 32 << 20 };
enum { PORT_DEBUG = 0xe9, PORT_EXIT = 0xf4, PORT_COM1_STATUS = 0x3fd, COM1_EMPTY = 0x60 };
enum { PORT_FW_CFG_DATA = 0x511 };
/* Pages that KVM wants for itself, on Intel's processors: three, and one. */
enum { TSS_AT = 0xfffb1000, IDENTITY_MAP_AT = 0xfffb0000 };

/* Even, so that isa-debug-exit's cannot be taken for them. */
typedef enum Failure {
    FAIL_HOST = 2,     /* an error of ours or of the host's */
    FAIL_SHUTDOWN = 4, /* the processor shut down: a triple fault */
    FAIL_KVM = 6,      /* KVM could not go on */
} Failure;
enum { SKIPPED = 77 };

typedef struct Machine {
    int kvm, vm;
    unsigned cpus, run_size;
    struct kvm_cpuid2 *cpuid;
    bool has_deadline;
} Machine;

typedef struct Vcpu {
    const Machine *machine;
    int fd;
    struct kvm_run *run;
} Vcpu;

/* Ends the program, whatever other CPUs do. */
static void __attribute__((noreturn, format(printf, 2, 3)))
leave(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fflush(stdout);
    vfprintf(stderr, format, args);
    va_end(args);
    _exit(status);
}

static int control(int fd, unsigned long request, const char *name, void *argument)
{
    int result = ioctl(fd, request, argument);
    if (result < 0)
        leave(FAIL_HOST, "kvm: %s: %s\n", name, strerror(errno));
    return result;
}
#define CONTROL(fd, request, argument) control(fd, request, #request, (void *)(uintptr_t)(argument))

/* --- memory ----------------------------------------------------------------------------------- */

static uint8_t *anonymous(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        leave(FAIL_HOST, "kvm: memory: %s\n", strerror(errno));
    return at;
}

static void map(const Machine *m, unsigned slot, uint64_t at, uint8_t *host, size_t size,
                unsigned flags)
{
    struct kvm_userspace_memory_region region = {.slot = slot,
                                                 .flags = flags,
                                                 .guest_phys_addr = at,
                                                 .memory_size = size,
                                                 .userspace_addr = (uintptr_t)host};
    CONTROL(m->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

/* The image ends at 4 GiB. */
static void map_rom(const Machine *m, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) < 0)
        leave(FAIL_HOST, "kvm: %s: %s\n", path, strerror(errno));
    long size = ftell(file);
    if (size <= 0 || size % 4096)
        leave(FAIL_HOST, "kvm: %s: %ld bytes are no ROM\n", path, size);
    rewind(file);
    uint8_t *rom = anonymous(size);
    if (fread(rom, 1, size, file) != (size_t)size)
        leave(FAIL_HOST, "kvm: %s: cannot be read\n", path);
    fclose(file);
    map(m, 1, (1ull << 32) - size, rom, size, KVM_MEM_READONLY);
}

/* --- ports ------------------------------------------------------------------------------------ */

static void write_port(unsigned port, const uint8_t *data, unsigned size)
{
    if (port == PORT_DEBUG)
        fwrite(data, 1, size, stdout);
    if (port == PORT_EXIT)
        leave(data[0] << 1 | 1, "%s", "");
}

/* Of fw_cfg the guests want one item. [FW_CFG] */
static void read_port(const Machine *m, unsigned port, uint8_t *data, unsigned size)
{
    memset(data, 0xff, size);
    if (port == PORT_COM1_STATUS)
        data[0] = COM1_EMPTY;
    if (port == PORT_FW_CFG_DATA)
        data[0] = m->cpus;
}

static void on_port(const Machine *m, struct kvm_run *run)
{
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    for (unsigned i = 0; i < run->io.count; i++, data += run->io.size) {
        if (run->io.direction == KVM_EXIT_IO_OUT)
            write_port(run->io.port, data, run->io.size);
        else
            read_port(m, run->io.port, data, run->io.size);
    }
}

/* --- CPUs ------------------------------------------------------------------------------------- */

/* All that KVM can give, the deadline timer being told of elsewhere, with the ID of this CPU's APIC
 * where leaves have it. [SDM2] CPUID. */
static void set_cpuid(const Vcpu *cpu, unsigned id)
{
    enum { TSC_DEADLINE = 1 << 24 };
    enum { LEAF_FEATURES = 1, LEAF_TOPOLOGY = 0xb, LEAF_TOPOLOGY_V2 = 0x1f };
    struct kvm_cpuid2 *table = cpu->machine->cpuid;
    for (unsigned i = 0; i < table->nent; i++) {
        struct kvm_cpuid_entry2 *e = &table->entries[i];
        if (e->function == LEAF_FEATURES && cpu->machine->has_deadline)
            e->ecx |= TSC_DEADLINE;
        if (e->function == LEAF_FEATURES)
            e->ebx = (e->ebx & 0x0000ffff) | cpu->machine->cpus << 16 | id << 24;
        if (e->function == LEAF_TOPOLOGY || e->function == LEAF_TOPOLOGY_V2)
            e->edx = id;
    }
    CONTROL(cpu->fd, KVM_SET_CPUID2, table);
}

static void __attribute__((noreturn)) on_failure(const Vcpu *cpu)
{
    struct kvm_regs regs = {0};
    struct kvm_sregs sregs = {0};
    ioctl(cpu->fd, KVM_GET_REGS, &regs);
    ioctl(cpu->fd, KVM_GET_SREGS, &sregs);
    const char *what = "stopped without a known reason";
    Failure status = FAIL_KVM;
    unsigned long long detail = cpu->run->exit_reason;
    if (cpu->run->exit_reason == KVM_EXIT_SHUTDOWN) {
        what = "the processor shut down";
        status = FAIL_SHUTDOWN;
    } else if (cpu->run->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
        what = "KVM's internal error";
        detail = cpu->run->internal.suberror;
    } else if (cpu->run->exit_reason == KVM_EXIT_FAIL_ENTRY) {
        what = "KVM could not enter the guest";
        detail = cpu->run->fail_entry.hardware_entry_failure_reason;
    }
    leave(status,
          "kvm: %s (%llu) at %04x:%llx, CR0 %llx, CR2 %llx, CR3 %llx, CR4 %llx, EFER %llx\n", what,
          detail, sregs.cs.selector, regs.rip, sregs.cr0, sregs.cr2, sregs.cr3, sregs.cr4,
          sregs.efer);
}

static void *run(void *argument)
{
    Vcpu *cpu = argument;
    for (;;) {
        if (ioctl(cpu->fd, KVM_RUN, 0) < 0) {
            if (errno == EINTR || errno == EAGAIN) /* it waits for SIPI */
                continue;
            leave(FAIL_HOST, "kvm: KVM_RUN: %s\n", strerror(errno));
        }
        switch (cpu->run->exit_reason) {
        case KVM_EXIT_IO:
            on_port(cpu->machine, cpu->run);
            break;
        case KVM_EXIT_MMIO:
            if (!cpu->run->mmio.is_write)
                memset(cpu->run->mmio.data, 0xff, sizeof(cpu->run->mmio.data));
            break;
        case KVM_EXIT_INTR:
            break;
        default:
            on_failure(cpu);
        }
    }
}

/* --- the machine ------------------------------------------------------------------------------ */

static void machine_init(Machine *m, const char *image)
{
    m->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (m->kvm < 0)
        leave(SKIPPED, "kvm: /dev/kvm: %s\n", strerror(errno));
    m->vm = ioctl(m->kvm, KVM_CREATE_VM, 0);
    if (m->vm < 0)
        leave(SKIPPED, "kvm: KVM_CREATE_VM: %s\n", strerror(errno));
    m->run_size = CONTROL(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    m->cpuid = calloc(1, sizeof(*m->cpuid) + MAX_CPUID * sizeof(m->cpuid->entries[0]));
    m->cpuid->nent = MAX_CPUID;
    CONTROL(m->kvm, KVM_GET_SUPPORTED_CPUID, m->cpuid);
    m->has_deadline = CONTROL(m->kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER);
    uint64_t identity = IDENTITY_MAP_AT;
    CONTROL(m->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
    CONTROL(m->vm, KVM_SET_TSS_ADDR, TSS_AT);
    CONTROL(m->vm, KVM_CREATE_IRQCHIP, 0);
    struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY}; /* and port 61h */
    CONTROL(m->vm, KVM_CREATE_PIT2, &pit);
    map(m, 0, 0, anonymous(RAM_SIZE), RAM_SIZE, 0);
    map_rom(m, image);
}

/* As after RESET; the others wait for INIT and SIPI. */
static void vcpu_init(Vcpu *cpu, const Machine *m, unsigned id)
{
    cpu->machine = m;
    cpu->fd = CONTROL(m->vm, KVM_CREATE_VCPU, id);
    cpu->run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
    if (cpu->run == MAP_FAILED)
        leave(FAIL_HOST, "kvm: memory: %s\n", strerror(errno));
    set_cpuid(cpu, id);
}

static unsigned parse_cpus(int argc, char **argv)
{
    unsigned cpus = 1;
    for (int i = 2; i + 1 < argc; i++) {
        if (!strcmp(argv[i], "-smp"))
            cpus = strtoul(argv[i + 1], NULL, 10);
    }
    if (cpus < 1 || cpus > MAX_CPUS)
        leave(FAIL_HOST, "kvm: -smp: 1 to %d\n", MAX_CPUS);
    return cpus;
}

int main(int argc, char **argv)
{
    static Vcpu cpus[MAX_CPUS];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2)
        leave(FAIL_HOST, "usage: %s IMAGE.bin [-smp N]\n", argv[0]);
    Machine m = {.cpus = parse_cpus(argc, argv)};
    machine_init(&m, argv[1]);
    for (unsigned i = 0; i < m.cpus; i++)
        vcpu_init(&cpus[i], &m, i);
    for (unsigned i = 1; i < m.cpus; i++) {
        pthread_t thread;
        int error = pthread_create(&thread, NULL, run, &cpus[i]);
        if (error)
            leave(FAIL_HOST, "kvm: a thread: %s\n", strerror(error));
    }
    run(&cpus[0]);
}
