/* Stands between a program and the C library (LD_PRELOAD) and counts what it does to the files below
 * one directory: syncs, writes, and changes of names. At the n-th of one kind it kills the process,
 * tears the write, or lets the call fail. It also keeps a second directory as a power cut would leave
 * the first: with nothing in it that was not synced.
 *
 * DISK_ROOT    the directory
 * DISK_CALL    sync | write | name
 * DISK_AT      which one of them, from 1; 0 for none
 * DISK_FAULT   kill | torn | eio | enospc
 * DISK_LASTS   set: from there on every call fails
 * DISK_WHILE   a file: while it exists, every write fails
 * DISK_LOG     a file to which each call is added as a line
 * DISK_SYNCED  the second directory; it must hold what the first holds at the start
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum call { SYNC, WRITE, NAME, CALLS };
static const char *const CALL_NAMES[CALLS] = {"sync", "write", "name"};
enum verdict { PROCEED, TEAR, FAIL };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int began, fired, lasts, error_number, is_kill, is_torn, log_file = -1;
static const char *root, *synced, *failing_while;
static enum call chosen = CALLS;
static long at, counts[CALLS];

/* Names that were changed and are not durable yet; no second one: removed. */
enum { PENDING_MAX = 256 };
static struct { char from[PATH_MAX], to[PATH_MAX]; } pending[PENDING_MAX];
static int pending_count;

static void begin(void) {
    if (began) return;
    began = 1;
    root = getenv("DISK_ROOT");
    synced = getenv("DISK_SYNCED");
    lasts = getenv("DISK_LASTS") != NULL;
    failing_while = getenv("DISK_WHILE");
    const char *number = getenv("DISK_AT"), *call = getenv("DISK_CALL");
    const char *fault = getenv("DISK_FAULT"), *log = getenv("DISK_LOG");
    at = number ? atol(number) : 0;
    for (int one = 0; call && one < CALLS; one++)
        if (!strcmp(call, CALL_NAMES[one])) chosen = (enum call)one;
    is_kill = fault && !strcmp(fault, "kill");
    is_torn = fault && !strcmp(fault, "torn");
    error_number = fault && !strcmp(fault, "enospc") ? ENOSPC : EIO;
    if (log) log_file = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The path below the root, or null. */
static const char *below(const char *path) {
    size_t length = root ? strlen(root) : 0;
    if (!length || strncmp(path, root, length)) return NULL;
    if (path[length] == '\0') return path + length;
    return path[length] == '/' ? path + length + 1 : NULL;
}

static int path_of(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0) return 0;
    path[length] = '\0';
    return path[0] == '/';
}

static void note(const char *what, const char *name) {
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%s %s\n", what, name);
    if (log_file >= 0) (void)!syscall(SYS_write, log_file, line, (size_t)length);
}

/* Counts a call; the lock is held. */
static enum verdict judge(enum call call, const char *name) {
    note(CALL_NAMES[call], name);
    counts[call]++;
    int now = !fired && call == chosen && counts[call] == at;
    if (now) {
        fired = 1;
        note("fault", name);
        if (is_torn && call == WRITE) return TEAR;
        if (is_kill || is_torn) syscall(SYS_kill, getpid(), SIGKILL);
    }
    if (call == WRITE && failing_while && !syscall(SYS_faccessat, AT_FDCWD, failing_while, F_OK)) {
        errno = error_number;
        return FAIL;
    }
    if ((now || (fired && lasts)) && !is_kill && !is_torn) {
        errno = error_number;
        return FAIL;
    }
    return PROCEED;
}

static void copy_synced(int file, const char *name) {
    char target[PATH_MAX], buffer[65536];
    struct stat status;
    if (!synced || fstat(file, &status)) return;
    if (S_ISDIR(status.st_mode)) {
        for (int one = 0; one < pending_count; one++) {
            char from[PATH_MAX * 2], to[PATH_MAX * 2];
            snprintf(from, sizeof from, "%s/%s", synced, pending[one].from);
            snprintf(to, sizeof to, "%s/%s", synced, pending[one].to);
            if (pending[one].to[0]) syscall(SYS_rename, from, to);
            else syscall(SYS_unlink, from);
        }
        pending_count = 0;
        return;
    }
    snprintf(target, sizeof target, "%s/%s", synced, name);
    int copy = (int)syscall(SYS_openat, AT_FDCWD, target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (copy < 0) return;
    ssize_t length;
    off_t offset = 0;
    while ((length = syscall(SYS_pread64, file, buffer, sizeof buffer, offset)) > 0) {
        (void)!syscall(SYS_write, copy, buffer, (size_t)length);
        offset += length;
    }
    syscall(SYS_close, copy);
}

static void rename_later(const char *from, const char *to) {
    if (!synced || pending_count == PENDING_MAX) return;
    snprintf(pending[pending_count].from, PATH_MAX, "%s", from);
    snprintf(pending[pending_count].to, PATH_MAX, "%s", to ? to : "");
    pending_count++;
}

/* The name of an open file if it lies below the root; takes the lock then. */
static const char *watched(int file, char *path) {
    int before = errno;
    pthread_mutex_lock(&lock);
    begin();
    const char *name = path_of(file, path) ? below(path) : NULL;
    if (!name) pthread_mutex_unlock(&lock);
    errno = before;
    return name;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int sync_with(int file, int (*real)(int)) {
    char path[PATH_MAX];
    const char *name = watched(file, path);
    if (!name) return real(file);
    int done = judge(SYNC, name) == FAIL ? -1 : real(file);
    if (done == 0) copy_synced(file, name);
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int file) { return sync_with(file, REAL(fsync)); }
int fdatasync(int file) { return sync_with(file, REAL(fdatasync)); }

/* Half of the write, and the end. */
static void tear(int file, const void *bytes, size_t length, off_t offset) {
    if (offset < 0) (void)!syscall(SYS_write, file, bytes, length / 2);
    else (void)!syscall(SYS_pwrite64, file, bytes, length / 2, offset);
    syscall(SYS_kill, getpid(), SIGKILL);
}

static ssize_t write_with(int file, const void *bytes, size_t length, off_t offset) {
    char path[PATH_MAX];
    const char *name = watched(file, path);
    enum verdict verdict = name ? judge(WRITE, name) : PROCEED;
    ssize_t done = -1;
    if (verdict == TEAR) tear(file, bytes, length, offset);
    if (verdict == PROCEED)
        done = offset < 0 ? syscall(SYS_write, file, bytes, length)
                          : syscall(SYS_pwrite64, file, bytes, length, offset);
    if (name) pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int file, const void *bytes, size_t length) { return write_with(file, bytes, length, -1); }
ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) { return write_with(file, bytes, length, offset); }
ssize_t pwrite64(int file, const void *bytes, size_t length, off_t offset) { return write_with(file, bytes, length, offset); }

ssize_t writev(int file, const struct iovec *parts, int number) {
    char path[PATH_MAX];
    const char *name = watched(file, path);
    enum verdict verdict = name ? judge(WRITE, name) : PROCEED;
    if (verdict == TEAR) tear(file, parts[0].iov_base, parts[0].iov_len, -1);
    ssize_t done = verdict == PROCEED ? syscall(SYS_writev, file, parts, number) : -1;
    if (name) pthread_mutex_unlock(&lock);
    return done;
}

/* A file made longer or shorter counts as a write; torn, it ends before. */
static int truncate_with(int file, off_t length) {
    char path[PATH_MAX];
    const char *name = watched(file, path);
    enum verdict verdict = name ? judge(WRITE, name) : PROCEED;
    if (verdict == TEAR) syscall(SYS_kill, getpid(), SIGKILL);
    int done = verdict == PROCEED ? (int)syscall(SYS_ftruncate, file, length) : -1;
    if (name) pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int file, off_t length) { return truncate_with(file, length); }
int ftruncate64(int file, off_t length) { return truncate_with(file, length); }

static int name_with(const char *from, const char *to) {
    pthread_mutex_lock(&lock);
    begin();
    const char *old = below(from), *new = to ? below(to) : NULL;
    enum verdict verdict = old ? judge(NAME, old) : PROCEED;
    int done = -1;
    if (verdict == PROCEED) {
        done = (int)(to ? syscall(SYS_rename, from, to) : syscall(SYS_unlink, from));
        if (done == 0 && old) rename_later(old, new);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int rename(const char *from, const char *to) { return name_with(from, to); }
int unlink(const char *path) { return name_with(path, NULL); }
