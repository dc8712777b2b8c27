/* events.c - system events as a program of Linux sees them: `events NAME COUNT`.
 * It prints a checksum of what happened. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int exit_status(pid_t child)
{
    int status;
    if (waitpid(child, &status, 0) != child)
        die("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* A child that ends at once. */
static unsigned fork_only(unsigned count)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < count; i++) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0)
            _exit(i & 63);
        sum += exit_status(child);
    }
    return sum;
}

/* A child that executes this program again. */
static unsigned fork_exec(unsigned count)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < count; i++) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            execl("/proc/self/exe", "events", "leave", i & 1 ? "5" : "9", NULL);
            _exit(127);
        }
        sum += exit_status(child);
    }
    return sum;
}

/* One byte to another process and back: two context switches. */
static unsigned pipes(unsigned count)
{
    int there[2], back[2];
    unsigned char byte = 0;
    if (pipe(there) || pipe(back))
        die("pipe");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        close(there[1]);
        for (; read(there[0], &byte, 1) == 1;) {
            byte++;
            if (write(back[1], &byte, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    unsigned sum = 0;
    for (unsigned i = 0; i < count; i++) {
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            die("pipe");
        sum += byte;
    }
    close(there[1]);
    return sum + exit_status(child);
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

static unsigned signal_self(unsigned count)
{
    struct sigaction action = {.sa_handler = count_signal};
    sigaction(SIGUSR1, &action, NULL);
    for (unsigned i = 0; i < count; i++)
        raise(SIGUSR1);
    return signals;
}

static char *protected_page;

static void unprotect(int number)
{
    (void)number;
    signals++;
    mprotect(protected_page, 4096, PROT_READ | PROT_WRITE);
}

/* A store to a protected page: SIGSEGV, whose handler lets it through. */
static unsigned signal_fault(unsigned count)
{
    struct sigaction action = {.sa_handler = unprotect};
    sigaction(SIGSEGV, &action, NULL);
    protected_page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (protected_page == MAP_FAILED)
        die("mmap");
    for (unsigned i = 0; i < count; i++) {
        mprotect(protected_page, 4096, PROT_READ);
        *(volatile char *)protected_page = i;
    }
    return signals;
}

/* Sixteen pages mapped, touched, unmapped. */
static unsigned map(unsigned count)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < count; i++) {
        volatile char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                   -1, 0);
        if (page == MAP_FAILED)
            die("mmap");
        for (unsigned at = 0; at < 65536; at += 4096)
            sum += ++page[at];
        munmap((void *)page, 65536);
    }
    return sum;
}

/* The shortest system call, and one that looks a file up. */
static unsigned calls(unsigned count)
{
    unsigned sum = 0;
    struct stat status;
    for (unsigned i = 0; i < count; i++) {
        sum += syscall(SYS_getpid) > 0;
        if (i % 8 == 0)
            sum += stat("/proc/self/exe", &status) == 0;
    }
    return sum;
}

static void *thread(void *argument)
{
    return (char *)argument + 1;
}

static unsigned threads(unsigned count)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < count; i++) {
        pthread_t other;
        void *result;
        if (pthread_create(&other, NULL, thread, (char *)NULL + i) || pthread_join(other, &result))
            die("pthread_create");
        sum += (unsigned)((char *)result - (char *)NULL);
    }
    return sum;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        unsigned (*run)(unsigned count);
    } event[] = {
        {"fork", fork_only},    {"exec", fork_exec}, {"pipe", pipes},  {"signal", signal_self},
        {"segv", signal_fault}, {"mmap", map},       {"calls", calls}, {"thread", threads},
    };
    if (argc != 3)
        return 2;
    unsigned count = strtoul(argv[2], NULL, 10);
    if (strcmp(argv[1], "leave") == 0)
        return (int)count;
    for (size_t i = 0; i < sizeof(event) / sizeof(event[0]); i++) {
        if (strcmp(argv[1], event[i].name) == 0) {
            printf("%u\n", event[i].run(count));
            return 0;
        }
    }
    return 2;
}
