/*
 * Faults that tracing cannot make, in the N-th call of a kind that touches a regular file under one
 * folder. Preloaded into a program:
 *
 *   FAULT_ROOT  the folder, absolute
 *   FAULT_CALL  write, pwrite, fsync, fdatasync, close, rename or link
 *   FAULT_NTH   from 1
 *   FAULT_KIND  short   write the first half and say so: no error
 *               torn    write the first half, then die
 *               half    write the first half, then fail
 *               done    do all that was asked, then fail
 *   FAULT_ERRNO what a failing call fails with
 *   FAULT_MARK  a file that is made when it happens
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int made;

static const char *said(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static int under_root(const char *path) {
    const char *root = said("FAULT_ROOT");
    size_t length = strlen(root);
    return length > 0 && strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Whether a path, which may be relative and may not exist yet, lies under the root. */
static int path_counts(const char *path) {
    char whole[PATH_MAX];
    if (path[0] == '/')
        return under_root(path);
    if (!getcwd(whole, sizeof whole))
        return 0;
    size_t length = strlen(whole);
    if (snprintf(whole + length, sizeof whole - length, "/%s", path) >= (int)(sizeof whole - length))
        return 0;
    return under_root(whole);
}

/* Folders count too, for they are flushed. */
static int descriptor_counts(int fd) {
    struct stat about;
    char link[64], path[PATH_MAX];
    if (fstat(fd, &about) != 0 || !(S_ISREG(about.st_mode) || S_ISDIR(about.st_mode)))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = '\0';
    return under_root(path);
}

static void mark(void) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, said("FAULT_MARK"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd >= 0)
        syscall(SYS_close, fd);
}

/* Whether the fault is to happen in this call. What did not count has not been counted. */
static int now(const char *call) {
    if (strcmp(call, said("FAULT_CALL")) != 0 || atomic_fetch_add(&made, 1) + 1 != atoi(said("FAULT_NTH")))
        return 0;
    mark();
    return 1;
}

static int is(const char *kind) { return strcmp(kind, said("FAULT_KIND")) == 0; }

static int fail(void) {
    errno = atoi(said("FAULT_ERRNO"));
    return -1;
}

/* `written` is what a call with the first half gave. */
static ssize_t after_part(ssize_t written) {
    if (is("short"))
        return written;
    if (is("torn"))
        kill(getpid(), SIGKILL);
    return fail();
}

static size_t part(size_t count) { return is("done") ? count : (count + 1) / 2; }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A single byte has no half. */
static int halves(size_t count) { return count > 1 || is("done"); }

ssize_t write(int fd, const void *bytes, size_t count) {
    if (halves(count) && descriptor_counts(fd) && now("write"))
        return after_part(REAL(write)(fd, bytes, part(count)));
    return REAL(write)(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    if (halves(count) && descriptor_counts(fd) && now("pwrite"))
        return after_part(REAL(pwrite64)(fd, bytes, part(count), at));
    return REAL(pwrite64)(fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return pwrite64(fd, bytes, count, at); }

#define ON_DESCRIPTOR(name)                                                                                            \
    int name(int fd) {                                                                                                 \
        int result, chosen = descriptor_counts(fd) && now(#name);                                                      \
        result = REAL(name)(fd);                                                                                       \
        return chosen && result == 0 ? fail() : result;                                                                        \
    }
ON_DESCRIPTOR(fsync)
ON_DESCRIPTOR(fdatasync)
ON_DESCRIPTOR(close)

#define ON_TWO_PATHS(name)                                                                                             \
    int name(const char *from, const char *to) {                                                                       \
        int result, chosen = path_counts(to) && now(#name);                                                            \
        result = REAL(name)(from, to);                                                                                 \
        return chosen && result == 0 ? fail() : result;                                                                        \
    }
ON_TWO_PATHS(rename)
ON_TWO_PATHS(link)
